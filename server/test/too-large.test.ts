import { connect } from 'node:net';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { serve, type Running } from './support';

let running: Running;
beforeAll(async () => {
  running = await serve({ rows: 'identity_float32.onnx' }, { maxBodyBytes: 1 << 20 });
});
afterAll(() => running.server.close());

const PART = Buffer.alloc(1 << 16, ' ');

describe('a client that sends more than is taken', () => {
  const chunked = Buffer.concat([Buffer.from('10000\r\n'), PART, Buffer.from('\r\n')]);
  it.each([
    ['and says so', `Content-Length: ${8 << 20}`, PART, ''],
    ['and does not say so', 'Transfer-Encoding: chunked', chunked, '0\r\n\r\n'],
  ])('%s is told, and may send it all', async (_, framing, part, last) => {
    const told = new Promise((resolve) => {
      const socket = connect(running.port, '127.0.0.1');
      let text = '';
      let how = 'closed';
      socket.on('data', (bytes) => (text += bytes.toString()));
      socket.on('error', ({ message }) => (how = message));
      socket.on('close', () => resolve([text.slice(0, 12), how]));
      const head = ['POST /v2/models/rows/infer HTTP/1.1', 'Host: a', framing, '', ''];
      socket.write(head.join('\r\n'));
      let left = 128;
      const send = () => {
        while (left > 0) {
          left--;
          if (!socket.write(part)) return;
        }
        socket.off('drain', send);
        socket.write(last);
      };
      socket.on('drain', send);
      send();
    });
    // And not that its connection was reset under it.
    expect(await told).toEqual(['HTTP/1.1 413', 'closed']);
  });
});
