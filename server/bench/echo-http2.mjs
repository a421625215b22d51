// node echo-http2.mjs: answers each call of gRPC with its own message, by nothing but node:http2. Prints {port, grpcPort}.
import { createServer } from 'node:http2';

// The default is 64 KiB, at which a large body waits for its client again and again.
const WINDOW = 4 << 20;

const server = createServer({ settings: { initialWindowSize: WINDOW } });
server.on('session', (session) => session.setLocalWindowSize(4 * WINDOW));
server.on('stream', (stream) => {
  const chunks = [];
  stream.on('data', (chunk) => chunks.push(chunk));
  stream.on('end', () => {
    stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
  });
  stream.on('error', () => {});
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  console.log(JSON.stringify({ port, grpcPort: port }));
});
