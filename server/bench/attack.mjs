// node attack.mjs, with an IPC channel: what a server on the open network has to live with. A message
// {port, models: {add, image}, malformed, idle, slow, oversized, seconds, maxBodyBytes} begins it: so many connections that say nothing,
// so many that send a head a byte at a time, so many bodies larger than the server takes, and so many requests
// that are wrong, spread over the time. Answered with {result: {malformed: {status: how often}, slow, oversized, idle, examples}}; all connections
// are closed by then.
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const count = (into, key) => (into[key] = (into[key] ?? 0) + 1);

let state = 7;
function random() {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}
const upTo = (most) => Math.floor(random() * most);
const one = (of) => of[upTo(of.length)];

function request(method, path, headers, body = Buffer.alloc(0)) {
  const all = { Host: 'a', 'Content-Type': 'application/json', 'Content-Length': body.length };
  const lines = Object.entries({ ...all, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`), body]);
}
const post = (path, body, headers = {}) =>
  request('POST', path, headers, Buffer.isBuffer(body) ? body : Buffer.from(body));

const INFER = '/v2/models/add/infer';
const tensor = (name, change = {}) => ({
  name,
  datatype: 'FP32',
  shape: [4],
  data: [1, 2, 3, upTo(100)],
  ...change,
});
const infer = (a, b = tensor('b')) => JSON.stringify({ inputs: [tensor('a', a), b] });
const cut = (text) => text.slice(0, 1 + upTo(text.length - 2));

/** Requests that are wrong, each in its way, and with other values each time. */
const wrong = [
  () => post(INFER, cut(infer({}))),
  () => post(INFER, infer({ shape: [5 + upTo(1000)] })),
  () => post(INFER, infer({ shape: [2 ** 31 * (1 + upTo(1000)), 2 ** 31] })),
  () => post(INFER, infer({ shape: [4 - 8 * random()] })),
  () => post(INFER, infer({ datatype: one(['FP64', 'INT8', 'BYTES', 'FP999', '', 4]) })),
  () => post(INFER, infer({ data: [1, 2, 3, one(['x', null, {}, [], true])] })),
  () => post(INFER, infer({ name: `input${upTo(1e6)}` })),
  () => post(INFER, `${'['.repeat(101 + upTo(100_000))}`),
  () => post(INFER, `{"inputs":${'{"a":'.repeat(200 + upTo(1000))}`),
  () => post(INFER, Buffer.from(Array.from({ length: 1 + upTo(500) }, () => upTo(256)))),
  () => post(INFER, infer({}), { 'Content-Encoding': 'gzip' }),
  () => {
    const packed = gzipSync(infer({}));
    return post(INFER, packed.subarray(0, 5 + upTo(packed.length - 6)), {
      'Content-Encoding': 'gzip',
    });
  },
  () => post(INFER, infer({}), { 'Inference-Header-Content-Length': one([-1, 1e9, 'x', '1.5']) }),
  () => {
    const json = infer({
      data: undefined,
      parameters: { binary_data_size: one([15, 17, -1, 1e15]) },
    });
    const length = Buffer.byteLength(json);
    return post(INFER, Buffer.concat([Buffer.from(json), Buffer.alloc(16)]), {
      'Inference-Header-Content-Length': length,
    });
  },
  () => post(`/v2/models/none${upTo(1e9)}/infer`, infer({})),
  () => request(one(['PUT', 'DELETE', 'PATCH', 'GET']), INFER),
  () => post('/v1/models/add:predict', `{"instances": [${upTo(9)}, "${upTo(9)}"]}`),
  () => post('/v1/models/add:predict', `{"inputs": {"a": [1, 2], "b": [${upTo(9)}]}}`),
  () => post(`/v1/models/add/versions/${10 + upTo(1e9)}:predict`, '{"instances": [1]}'),
  () =>
    post(
      '/models/add/invocations',
      `{"dataframe_split": {"columns": ["q${upTo(9)}"], "data": [[1]]}}`,
    ),
  () => post('/models/add/invocations', '{}', { 'Content-Type': `text/${upTo(1e6)}` }),
  () => post('/predictions/add', one(['{', '[1,', 'null', '"', '{"a": 1}'])),
  () => Buffer.from(`${one(['GET', 'BREW', 'post'])} ${'x'.repeat(1 + upTo(50))}\r\n\r\n`),
  () => request('GET', '/v2', { 'X-Long': 'x'.repeat(20_000 + upTo(20_000)) }),
];

/** Sends bytes, and resolves with the status of the answer, or with how the connection ended without one. */
function ask(port, bytes, more) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let text = '';
    let how = 'closed';
    socket.on('error', ({ code }) => (how = code));
    socket.on('close', () => resolve({ status: text === '' ? how : text.slice(9, 12), text }));
    socket.on('data', (part) => {
      text += part.toString('latin1');
      if (text.includes('\r\n\r\n')) socket.destroy();
    });
    socket.write(bytes);
    more?.(socket);
  });
}

async function sendWrong({ port, malformed, seconds }, seen, examples) {
  const end = performance.now() + seconds * 1000;
  const start = performance.now();
  const lanes = 8;
  let sent = 0;
  const lane = async () => {
    while (sent < malformed) {
      const kind = sent % wrong.length;
      const due = start + ((end - start) * sent) / malformed;
      sent += 1;
      const late = due - performance.now();
      if (late > 1) await sleep(late);
      const bytes = wrong[kind]();
      const { status, text } = await ask(port, bytes);
      count(seen, status);
      if (!/^4\d\d$/.test(status))
        examples.push(`${kind}: ${bytes.subarray(0, 200)} → ${text.slice(0, 200) || status}`);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** A head a byte at a time, until the server has enough. */
function loris({ port }) {
  return ask(port, 'POST /v2/models/add/infer HTTP/1.1\r\nX: ', (socket) => {
    const drip = setInterval(() => socket.write('x'), 500);
    socket.once('close', () => clearInterval(drip));
  });
}

/** A body that is larger than the server takes, with its length said or in chunks. */
function oversized({ port, maxBodyBytes }, index) {
  const head =
    'POST /v2/models/add/infer HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';
  const isChunked = index % 2 === 1;
  const size = 2 * maxBodyBytes;
  const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${size}`;
  const part = Buffer.alloc(65_536, 0x20);
  const chunk = isChunked
    ? Buffer.concat([Buffer.from('10000\r\n'), part, Buffer.from('\r\n')])
    : part;
  return ask(port, `${head}${framing}\r\n\r\n`, (socket) => {
    let left = size / part.length;
    const send = () => {
      while (left > 0 && socket.writable) {
        left -= 1;
        if (!socket.write(chunk)) return;
      }
    };
    socket.on('drain', send);
    send();
  });
}

async function attack(options) {
  const { port, idle, slow, oversized: large, seconds } = options;
  const result = { malformed: {}, slow: {}, oversized: {}, idle: {}, examples: [] };
  const quiet = [];
  for (let index = 0; index < idle; index += 1) {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', ({ code }) => count(result.idle, code));
    socket.on('connect', () => count(result.idle, 'open'));
    quiet.push(socket);
    // As fast as they could come, they would only be refused by the system.
    if (index % 50 === 49) await sleep(10);
  }
  const end = performance.now() + seconds * 1000;
  await Promise.all([
    sendWrong(options, result.malformed, result.examples),
    ...Array.from({ length: slow }, async () => count(result.slow, (await loris(options)).status)),
    (async () => {
      for (let index = 0; index < large; index += 1) {
        count(result.oversized, (await oversized(options, index)).status);
        await sleep(Math.max(0, (end - performance.now()) / (large - index)));
      }
    })(),
  ]);
  for (const [index, socket] of quiet.entries()) {
    socket.destroy();
    if (index % 50 === 49) await sleep(10);
  }
  result.examples = result.examples.slice(0, 5);
  return result;
}

process.on('message', (message) => {
  attack(message).then(
    (result) => process.send({ result }),
    (error) => process.send({ error: error.stack }),
  );
});
process.on('disconnect', () => process.exit());
