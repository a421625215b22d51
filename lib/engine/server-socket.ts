import { isIP } from 'node:net';
import { getSystemErrorName } from 'node:util';

import { checkOptions, optionalBoolean, optionalInteger } from '../checks';
import { OnliteError, invalidArgument, type OnliteErrorCode } from '../errors';
import { native } from './addon/native';

export interface ServerSocketOptions {
  /** An IPv4 or IPv6 address; by default `::`, or `0.0.0.0` where there is no IPv6, as Node's. */
  readonly host?: string;
  /** 0, the default: one that is free, which {@link ServerSocket.port} then is. */
  readonly port?: number;
  /**
   * Several sockets may have the address, if each is opened so, and the kernel spreads new
   * connections over those that listen (SO_REUSEPORT of Linux, SO_REUSEPORT_LB of FreeBSD). Only
   * programs of one user can share an address so.
   */
  readonly reusePort?: boolean;
  /** `::` takes no connections by IPv4. */
  readonly ipv6Only?: boolean;
}

/** A socket that is bound and does not listen yet: `server.listen({ fd })` has it listen. */
export interface ServerSocket {
  /**
   * Whose the descriptor is it must see to: the server that listens on it closes it, else
   * `fs.closeSync(fd)` does.
   */
  readonly fd: number;
  readonly port: number;
  readonly address: string;
  readonly family: 'IPv4' | 'IPv6';
}

const keys = new Set(['host', 'port', 'reusePort', 'ipv6Only']);

/** What a system call's error says of the request; others are the machine's. */
const codes: Readonly<Record<string, OnliteErrorCode>> = {
  EADDRINUSE: 'ERR_BUSY',
  EACCES: 'ERR_INVALID_ARGUMENT',
  EADDRNOTAVAIL: 'ERR_INVALID_ARGUMENT',
  EAFNOSUPPORT: 'ERR_INVALID_ARGUMENT',
  EINVAL: 'ERR_INVALID_ARGUMENT',
  EMFILE: 'ERR_OUT_OF_MEMORY',
  ENFILE: 'ERR_OUT_OF_MEMORY',
  ENOBUFS: 'ERR_OUT_OF_MEMORY',
  ENOMEM: 'ERR_OUT_OF_MEMORY',
  ENOPROTOOPT: 'ERR_UNSUPPORTED',
  ENOTSUP: 'ERR_UNSUPPORTED',
  EOPNOTSUPP: 'ERR_UNSUPPORTED',
};

/**
 * Opens a TCP socket for a server of each of several worker threads, which then share a port
 * without handing connections around: Node 20 itself has no `reusePort`.
 *
 * ```js
 * const { fd } = openServerSocket({ port: 8501, reusePort: true });
 * createServer(handler).listen({ fd });
 * ```
 *
 * It does not block, and programs that this one starts do not inherit it.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT for an option, or an address or port that this machine
 *   does not let the program have; ERR_BUSY if another socket has it; ERR_OUT_OF_MEMORY without
 *   descriptors; ERR_UNSUPPORTED on Windows, and for `reusePort` where the kernel does not spread
 *   connections (macOS). The system call's error is the cause, with Node's `code` and `syscall`.
 */
export function openServerSocket(options: ServerSocketOptions = {}): ServerSocket {
  const checked = checkOptions(options, 'options', keys);
  const { host } = checked;
  if (host !== undefined && (typeof host !== 'string' || isIP(host) === 0)) {
    throw invalidArgument('options.host', 'an IPv4 or IPv6 address', host);
  }
  const port = optionalInteger(checked, 'port', 'options', 0, 65_535) ?? 0;
  const ipv6Only = optionalBoolean(checked, 'ipv6Only', 'options') ?? false;
  const reusePort = optionalBoolean(checked, 'reusePort', 'options') ?? false;
  if (process.platform === 'win32') {
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      'openServerSocket: Node listens on no descriptor on Windows; listen in one thread, or use ' +
        'several ports',
    );
  }
  const open = (address: string): ServerSocket | SystemError => {
    const [fd, second, bound] = native().openServerSocket(address, port, ipv6Only, reusePort);
    if (typeof second === 'string') return systemError(fd, second, address, port);
    const family = bound?.includes(':') === true ? 'IPv6' : 'IPv4';
    return { fd, port: second, address: bound ?? address, family };
  };
  let opened = open(host ?? '::');
  // As Node does on a machine without IPv6.
  if (host === undefined && opened instanceof Error && noAddress.has(opened.code)) {
    opened = open('0.0.0.0');
  }
  if (!(opened instanceof Error)) return opened;
  const message =
    opened.syscall === 'setsockopt' && reusePort
      ? `options.reusePort: ${process.platform} does not spread connections over sockets`
      : `openServerSocket: ${opened.message}`;
  throw new OnliteError(codes[opened.code] ?? 'ERR_UNSUPPORTED', message, { cause: opened });
}

const noAddress = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

/** The parts of Node's own errors of `listen`. */
interface SystemError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly address: string;
  readonly port: number;
}

function systemError(errno: number, syscall: string, address: string, port: number): SystemError {
  const code = getSystemErrorName(errno);
  const where = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  const error = new Error(`${syscall} ${code} ${where}`);
  return Object.assign(error, { code, errno, syscall, address, port });
}
