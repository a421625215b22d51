// node open-load.mjs, with an IPC channel of 'advanced' serialization: a client that does not wait for the server. Its
// requests have times to begin at, some each second as they come by chance (Poisson); how long one takes is counted
// from that time, whether a connection was free by then or not. Messages, each answered with {result} or {error}:
// {run: {port, request, perSecond, seconds, connections}} gives {answers, late, all} as below;
// {closed: {port, request, seconds, connections}} asks on each connection as often as it is answered, and gives {perSecond}.
import { connect } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');

/** On one clock for all processes, in milliseconds. */
const now = () => performance.timeOrigin + performance.now();

/** A connection of HTTP/1.1 with one request at a time. */
class Connection {
  isOpen = true;
  #socket;
  #asked;
  #parts = [];
  #length = 0;
  #needed = Infinity;
  #status = 0;
  #isLast = false;

  constructor(port) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (bytes) => this.#read(bytes));
    this.#socket.on('error', ({ code }) => this.#end(code));
    this.#socket.on('close', () => this.#end('closed'));
  }

  /** Resolves with {status}, or {status: 0, error} where there is no answer. */
  ask(request) {
    return new Promise((resolve) => {
      this.#asked = resolve;
      this.#socket.write(request);
    });
  }

  end() {
    this.#asked = undefined;
    this.#socket.destroy();
  }

  #end(error) {
    this.isOpen = false;
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.({ status: 0, error });
  }

  #read(bytes) {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    if (this.#needed === Infinity) this.#readHead();
    if (this.#length < this.#needed) return;
    const status = this.#status;
    this.#parts = [];
    this.#length = 0;
    this.#needed = Infinity;
    if (this.#isLast) {
      this.isOpen = false;
      this.#socket.end();
    }
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.({ status });
  }

  #readHead() {
    const bytes = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
    const end = bytes.indexOf(HEAD_END);
    if (end === -1) return;
    const head = bytes.latin1Slice(0, end);
    this.#status = Number(head.slice(9, 12));
    const body = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    this.#needed = end + HEAD_END.length + body;
    this.#isLast = /\r\nconnection: *close/i.test(head);
    this.#parts = [bytes];
  }
}

/** Connections, as many as are needed at one time and no more than some. */
class Pool {
  #port;
  #most;
  #free = [];
  #waiting = [];
  #open = 0;

  constructor(port, most) {
    this.#port = port;
    this.#most = most;
  }

  /** Calls back with a connection, at once if one is free or may be opened. */
  take(use) {
    let free = this.#free.pop();
    while (free?.isOpen === false) {
      this.#open -= 1;
      free = this.#free.pop();
    }
    if (free !== undefined) use(free);
    else if (this.#open < this.#most) {
      this.#open += 1;
      use(new Connection(this.#port));
    } else this.#waiting.push(use);
  }

  give(connection) {
    const next = this.#waiting.shift();
    if (!connection.isOpen) this.#open -= 1;
    if (next === undefined) {
      if (connection.isOpen) this.#free.push(connection);
    } else if (connection.isOpen) next(connection);
    else {
      this.#open += 1;
      next(new Connection(this.#port));
    }
  }

  end() {
    for (const connection of this.#free) connection.end();
  }
}

/** The same gaps in each run. */
function randomOf(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 1) / 2 ** 32;
  };
}

/**
 * {answers: how often each status was answered, errors: how often there was no answer and why, at, ms, waited, status}:
 * the last four have an entry for each request: when it was to begin, how long it took from then on and from
 * when it was sent, and how it was answered (0: not).
 */
async function run({ port, request, perSecond, seconds, connections = 256, stop }) {
  const pool = new Pool(port, connections);
  const random = randomOf(1);
  const bytes = Buffer.from(request);
  const [at, ms, waited, status] = [[], [], [], []];
  const answers = {};
  const errors = {};
  let pending = 0;
  let last;
  const over = new Promise((resolve) => (last = resolve));
  let isOver = false;

  const send = (intended) => {
    pending += 1;
    const index = at.push(intended) - 1;
    ms[index] = waited[index] = status[index] = 0;
    pool.take(async (connection) => {
      const sent = now();
      const { status: got, error } = await connection.ask(bytes);
      const done = now();
      pool.give(connection);
      ms[index] = done - intended;
      waited[index] = done - sent;
      status[index] = got;
      if (error === undefined) answers[got] = (answers[got] ?? 0) + 1;
      else errors[error] = (errors[error] ?? 0) + 1;
      pending -= 1;
      if (isOver && pending === 0) last();
    });
  };

  let next = now();
  const end = next + seconds * 1000;
  while (next < end && !stop.isSet) {
    while (next <= now() && next < end) {
      send(next);
      next += (-Math.log(random()) * 1000) / perSecond;
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - now())));
  }
  isOver = true;
  if (pending > 0) await over;
  pool.end();
  return {
    answers,
    errors,
    at: Float64Array.from(at),
    ms: Float64Array.from(ms),
    waited: Float64Array.from(waited),
    status: Uint16Array.from(status),
  };
}

async function closed({ port, request, seconds, connections }) {
  const bytes = Buffer.from(request);
  const start = now();
  const end = start + seconds * 1000;
  let count = 0;
  const drive = async () => {
    const connection = new Connection(port);
    do {
      const { status } = await connection.ask(bytes);
      if (status !== 200) throw new Error(`answered with ${status}`);
      count += 1;
    } while (now() < end);
    connection.end();
  };
  await Promise.all(Array.from({ length: connections }, drive));
  return { perSecond: (count * 1000) / (now() - start) };
}

let stop = { isSet: false };

async function answer(message) {
  if (message.run) {
    stop = { isSet: false };
    return run({ ...message.run, stop });
  }
  return closed(message.closed);
}

process.on('message', (message) => {
  if (message.stop) {
    stop.isSet = true;
    return;
  }
  answer(message).then(
    (result) => process.send({ result }),
    (error) => process.send({ error: error.message }),
  );
});
process.on('disconnect', () => process.exit());
