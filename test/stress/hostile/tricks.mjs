import { InferenceSession, Tensor } from 'onlite';

import { OwnError, detached } from './values.mjs';

/**
 * Calls whose arguments change, or call back, while they are read. Each is
 * [name, run], where run gets the sessions and returns what was asked for; it
 * may also throw an OnliteError or the caller's own. What must not happen is a
 * crash, which is why most of these use memory large enough to be unmapped.
 */

const rows = 1 << 20;

function bigTensor() {
  return new Tensor('float32', new Float32Array(rows * 3).fill(1), [rows, 3]);
}

/** Takes the memory away at once, not when the collector comes round. */
function unmap(array) {
  if (array.byteLength === 0) return;
  detached(array);
  globalThis.gc();
}

function withGetter(tensor, key, action) {
  const feed = { type: tensor.type, dims: tensor.dims, data: tensor.data, location: 'cpu' };
  const value = feed[key];
  return Object.defineProperty(feed, key, {
    get() {
      action();
      return value;
    },
  });
}

/** An accessor on Array.prototype that keeps what is stored, and acts on its nth read. */
function withIndexGetter(index, nthRead, action, call) {
  const values = new WeakMap();
  let reads = 0;
  Object.defineProperty(Array.prototype, index, {
    configurable: true,
    get() {
      if (values.has(this) && ++reads === nthRead) action();
      return values.get(this);
    },
    set(value) {
      values.set(this, value);
    },
  });
  try {
    return call();
  } finally {
    delete Array.prototype[index];
  }
}

const modes = ['run', 'runSync'];
const tricks = [];

for (const mode of modes) {
  for (const key of ['type', 'dims', 'data', 'location']) {
    tricks.push([
      `${mode}: the getter of ${key} detaches the data`,
      ({ rowsSession: session }) => {
        const tensor = bigTensor();
        return session[mode]({ x: withGetter(tensor, key, () => unmap(tensor.data)) });
      },
    ]);
    tricks.push([
      `${mode}: the getter of ${key} releases the session`,
      async ({ rowsFile }) => {
        const session = await InferenceSession.create(rowsFile);
        const tensor = new Tensor('float32', new Float32Array(3), [1, 3]);
        return session[mode]({ x: withGetter(tensor, key, () => void session.release()) });
      },
    ]);
    tricks.push([
      `${mode}: the getter of ${key} runs the session`,
      ({ rowsSession: session }) => {
        const tensor = new Tensor('float32', new Float32Array(3), [1, 3]);
        return session[mode]({
          x: withGetter(tensor, key, () => {
            session.runSync({ x: tensor });
            void session.resetVariables();
          }),
        });
      },
    ]);
  }
  for (let index = 0; index < 4; index++) {
    for (let nthRead = 1; nthRead <= 3; nthRead++) {
      tricks.push([
        `${mode}: read ${nthRead} of Array.prototype[${index}] detaches the data`,
        ({ rowsSession: session }) => {
          const tensor = bigTensor();
          return withIndexGetter(
            index,
            nthRead,
            () => unmap(tensor.data),
            () => session[mode]({ x: tensor }, ['y']),
          );
        },
      ]);
      tricks.push([
        `${mode}: read ${nthRead} of Array.prototype[${index}] releases the session`,
        async ({ rowsFile }) => {
          const session = await InferenceSession.create(rowsFile);
          const release = () => {
            void session.release();
            const until = Date.now() + 50;
            while (Date.now() < until);
          };
          return withIndexGetter(index, nthRead, release, () =>
            session[mode]({ x: bigTensor() }, ['y']),
          );
        },
      ]);
    }
  }
  tricks.push([
    `${mode}: a subclass lies about its length`,
    ({ rowsSession: session }) => {
      const data = new (class extends Float32Array {
        get length() {
          return rows * 3;
        }
        get byteLength() {
          return rows * 12;
        }
      })(3);
      return session[mode]({ x: { type: 'float32', dims: [rows, 3], data } });
    },
  ]);
  tricks.push([
    `${mode}: a resizable buffer shrinks while dims are read`,
    ({ rowsSession: session }) => {
      const buffer = new ArrayBuffer(rows * 12, { maxByteLength: rows * 12 });
      const feed = {
        type: 'float32',
        data: new Float32Array(buffer),
        get dims() {
          buffer.resize(12);
          return [rows, 3];
        },
      };
      return session[mode]({ x: feed });
    },
  ]);
  tricks.push([
    `${mode}: a view that is out of its buffer's bounds`,
    ({ rowsSession: session }) => {
      const buffer = new ArrayBuffer(24, { maxByteLength: 24 });
      const data = new Float32Array(buffer, 12, 3);
      buffer.resize(12);
      return session[mode]({ x: { type: 'float32', dims: [1, 3], data } });
    },
  ]);
  tricks.push([
    `${mode}: shared memory`,
    ({ rowsSession: session }) =>
      session[mode]({
        x: { type: 'float32', dims: [1, 3], data: new Float32Array(new SharedArrayBuffer(12)) },
      }),
  ]);
  tricks.push([
    `${mode}: a fetch whose dims getter detaches the feed`,
    ({ rowsSession: session }) => {
      const tensor = bigTensor();
      const fetched = bigTensor();
      return session[mode](
        { x: tensor },
        {
          y: withGetter(fetched, 'dims', () => {
            unmap(tensor.data);
            unmap(fetched.data);
          }),
        },
      );
    },
  ]);
  tricks.push([
    `${mode}: dims whose elements are getters`,
    ({ rowsSession: session }) => {
      const tensor = bigTensor();
      const dims = [rows, 3];
      Object.defineProperty(dims, 1, { get: () => (unmap(tensor.data), 3) });
      return session[mode]({ x: { type: 'float32', data: tensor.data, dims } });
    },
  ]);
  tricks.push([
    `${mode}: an option's getter detaches the feed`,
    ({ rowsSession: session }) => {
      const tensor = bigTensor();
      const options = Object.defineProperty({}, 'tag', {
        enumerable: true,
        get: () => (unmap(tensor.data), 'tag'),
      });
      return session[mode]({ x: tensor }, options);
    },
  ]);
}

tricks.push([
  'run: everything is taken away as soon as run has returned',
  async ({ rowsSession: session }) => {
    const tensor = bigTensor();
    const fetched = bigTensor();
    const result = session.run({ x: tensor }, { y: fetched });
    unmap(tensor.data);
    unmap(fetched.data);
    return result;
  },
]);
tricks.push([
  'run: the feed is detached, the result is right',
  async ({ rowsSession: session }) => {
    const tensor = bigTensor();
    const result = session.run({ x: tensor });
    unmap(tensor.data);
    const { y } = await result;
    if (!y.data.every((value) => value === 1)) throw new Error('the snapshot was not taken');
    return y;
  },
]);
tricks.push([
  'run: a listener of its own signal throws',
  ({ rowsSession: session }) => {
    const controller = new AbortController();
    const result = session.run({ x: bigTensor() }, { signal: controller.signal });
    controller.abort(new OwnError('reason'));
    return result;
  },
]);
tricks.push([
  'create: the bytes are detached while they are copied',
  async ({ rowsBytes }) => {
    const bytes = new Uint8Array(40 << 20);
    bytes.set(rowsBytes);
    const created = InferenceSession.create(bytes);
    unmap(bytes);
    return created;
  },
]);
tricks.push([
  'create: the bytes shrink while they are copied',
  async ({ rowsBytes }) => {
    const buffer = new ArrayBuffer(40 << 20, { maxByteLength: 40 << 20 });
    new Uint8Array(buffer).set(rowsBytes);
    const created = InferenceSession.create(buffer);
    buffer.resize(9 << 20);
    return created;
  },
]);

export { tricks };
