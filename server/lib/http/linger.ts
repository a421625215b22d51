import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** What a client has for reading its answer and ending what it sends. */
const LINGER_MS = 1000;

/** Closes a connection in a moment, whatever its client does: nobody else looks at it any more. */
export function closeSoon(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}

/**
 * Keeps the connection of a request open for a moment after its answer though the body was not read to its end, and
 * throws away what comes: a connection that is closed with bytes unread is reset, which can take the answer with it
 * before the client has read it (RFC 9112, 9.6).
 */
export function lingerAfter(request: IncomingMessage): void {
  const { socket } = request;
  // What Node ends a connection with whose answer was the last.
  socket.destroySoon = () => {
    socket.end();
    closeSoon(socket);
    request.once('end', () => socket.destroy());
    request.resume();
  };
}
