import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

import { expect, it } from 'vitest';

import { Output } from '../../lib/http2/output';

const CHUNK_BYTES = 1 << 16;

it("does not take Node's own memory for a chunk", async () => {
  const server = createServer((other) => other.resume());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  const { poolSize } = Buffer;
  Buffer.poolSize = CHUNK_BYTES;
  try {
    // What is left of the pool that there was.
    while (Buffer.from('any').buffer.byteLength !== CHUNK_BYTES) Buffer.allocUnsafe(1000);
    const output = new Output(socket);
    output.bytes(Buffer.alloc(100, 'a'));
    output.flush();
    const others = Buffer.from('c'.repeat(100));
    expect(others.buffer.byteLength).toBe(CHUNK_BYTES);
    await new Promise<void>((resolve) => socket.write('all was sent', () => resolve()));
    for (let turn = 0; turn < 3; turn++) output.bytes(Buffer.alloc(CHUNK_BYTES, 'b'));
    output.flush();
    expect(others.toString()).toBe('c'.repeat(100));
  } finally {
    Buffer.poolSize = poolSize;
    socket.destroy();
    server.close();
  }
});
