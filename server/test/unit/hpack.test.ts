import { once } from 'node:events';
import { connect } from 'node:http2';
import { createServer, type AddressInfo } from 'node:net';

import { describe, expect, it } from 'vitest';

import { HpackDecoder } from '../../lib/http2/hpack-decoder';
import { encodeFields } from '../../lib/http2/hpack-encoder';
import { STATIC_TABLE } from '../../lib/http2/static-table';

type Fields = (readonly [string, string])[];

function decode(decoder: HpackDecoder, block: Buffer): Fields {
  const fields: Fields = [];
  decoder.decode(block, (name, value) => fields.push([name, value]));
  return fields;
}

/** The blocks of fields that node:http2 writes for requests, one after the other on a connection. */
async function blocksOf(requests: readonly Readonly<Record<string, string>>[]): Promise<Buffer[]> {
  const parts: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('data', (part: Buffer) => parts.push(part));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  session.on('error', () => undefined);
  await once(session, 'connect');
  for (const headers of requests) session.request(headers).on('error', () => undefined);
  const isWhole = () => framesOf(Buffer.concat(parts)).length === requests.length;
  while (!isWhole()) await new Promise((resolve) => setTimeout(resolve, 10));
  session.destroy();
  server.close();
  return framesOf(Buffer.concat(parts));
}

/** The payloads of frames of fields, after the preface: each is a block, without priority. */
function framesOf(bytes: Buffer): Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = 24; at + 9 <= bytes.length;) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    const skipped = ((bytes[at + 4] ?? 0) & 0x20) === 0 ? 0 : 5;
    if (bytes[at + 3] === 1 && end <= bytes.length)
      blocks.push(bytes.subarray(at + 9 + skipped, end));
    at = end;
  }
  return blocks;
}

describe('blocks of header fields', () => {
  it('of nghttp2 are read, with its Huffman code and its table', async () => {
    const letters = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join(
      '',
    );
    const requests = Array.from({ length: 60 }, (_, index) => ({
      ':path': `/inference.GRPCInferenceService/ModelInfer${index % 7}`,
      'content-type': 'application/grpc',
      'grpc-timeout': `${index * 977}m`,
      // New ones, so that old ones have no more room in the table.
      [`x-${index % 50}-bin`]: Buffer.from(`${index}`.repeat(index)).toString('base64'),
      'x-all': index % 3 === 0 ? `a${letters.slice(index)}b` : 'short',
    }));
    const decoder = new HpackDecoder();
    const blocks = await blocksOf(requests);
    for (const [index, block] of blocks.entries()) {
      const fields = new Map(decode(decoder, block));
      expect(fields.get(':method')).toBe('GET');
      expect(Object.fromEntries(fields)).toMatchObject(requests[index]!);
    }
  });

  it('of RFC 7541, appendix C.4, are read', () => {
    const decoder = new HpackDecoder();
    const request: Fields = [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/'],
      [':authority', 'www.example.com'],
    ];
    const first = Buffer.from('828684418cf1e3c2e5f23a6ba0ab90f4ff', 'hex');
    expect(decode(decoder, first)).toEqual(request);
    const second = Buffer.from('828684be5886a8eb10649cbf', 'hex');
    expect(decode(decoder, second)).toEqual([...request, ['cache-control', 'no-cache']]);
    const third = Buffer.from('828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf', 'hex');
    expect(decode(decoder, third)).toEqual([
      [':method', 'GET'],
      [':scheme', 'https'],
      [':path', '/index.html'],
      [':authority', 'www.example.com'],
      ['custom-key', 'custom-value'],
    ]);
  });

  it('are read as they were written', () => {
    const fields: Fields = [
      [':status', '200'],
      [':status', '415'],
      ['content-type', 'application/grpc'],
      ['grpc-status', '13'],
      ['grpc-message', 'x'.repeat(5000)],
      ['', ''],
    ];
    expect(decode(new HpackDecoder(), encodeFields(fields))).toEqual(fields);
    expect(STATIC_TABLE).toHaveLength(61);
  });

  it.each([
    ['an index of none', 'ff00'],
    ['index 0', '80'],
    ['a number without end', 'ffffffffffffffff'],
    ['a text that is cut off', '000561'],
    ["Huffman's end", '0084ffffffff00'],
    ['padding that is none', '0081f000'],
    ['a table that is too large', '3fe21f'],
    ['a table that is made smaller too late', '8220'],
  ])('with %s are refused', (_, hex) => {
    expect(() => decode(new HpackDecoder(), Buffer.from(hex, 'hex'))).toThrow(
      expect.objectContaining({ code: 9 }) as Error,
    );
  });
});
