/** What a caller's own getter, trap or conversion throws: it may pass through onlite as it is. */
export class OwnError extends Error {}

function throwOwn() {
  throw new OwnError('from the caller');
}

function revoked(target) {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

/** A typed array whose memory has gone to another owner. */
export function detached(array) {
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

const throwingTraps = Object.fromEntries(
  ['get', 'has', 'ownKeys', 'getOwnPropertyDescriptor', 'getPrototypeOf'].map((trap) => [
    trap,
    throwOwn,
  ]),
);

/** Values of every kind that are seldom right anywhere: [label, how to make one]. */
export const hostileValues = [
  ['undefined', () => undefined],
  ['null', () => null],
  ['true', () => true],
  ['false', () => false],
  ['NaN', () => NaN],
  ['Infinity', () => Infinity],
  ['-Infinity', () => -Infinity],
  ['-0', () => -0],
  ['0', () => 0],
  ['1', () => 1],
  ['0.5', () => 0.5],
  ['-1', () => -1],
  ['1e308', () => 1e308],
  ['2^31', () => 2 ** 31],
  ['2^32', () => 2 ** 32],
  ['2^53', () => 2 ** 53],
  ['empty string', () => ''],
  ['NUL', () => '\0'],
  ['__proto__', () => '__proto__'],
  ['constructor', () => 'constructor'],
  ['lone surrogate', () => '\ud800'],
  ['long string', () => 'x'.repeat(70_000)],
  ['bigint', () => 1n],
  ['huge bigint', () => 2n ** 200n],
  ['symbol', () => Symbol('s')],
  ['function', () => () => {}],
  ['class', () => class {}],
  ['object', () => ({})],
  ['bare object', () => Object.create(null)],
  ['array', () => []],
  ['nested array', () => [[[]]]],
  ['array of null', () => [null]],
  ['sparse array', () => new Array(2 ** 32 - 1)],
  ['Map', () => new Map([['a', 1]])],
  ['Set', () => new Set(['a'])],
  ['Date', () => new Date(NaN)],
  ['RegExp', () => /x/],
  ['Promise', () => Promise.resolve(1)],
  ['String object', () => Object('cpu')],
  ['Number object', () => Object(4)],
  ['Boolean object', () => Object(true)],
  ['empty proxy', () => new Proxy({}, {})],
  ['array proxy', () => new Proxy([4], {})],
  ['throwing proxy', () => new Proxy({}, throwingTraps)],
  ['throwing array proxy', () => new Proxy([1, 2], throwingTraps)],
  ['revoked proxy', () => revoked({})],
  ['revoked array proxy', () => revoked([])],
  [
    'throwing conversion',
    () => ({ toString: throwOwn, valueOf: throwOwn, [Symbol.toPrimitive]: throwOwn }),
  ],
  [
    'throwing getters',
    () =>
      Object.defineProperties(
        {},
        Object.fromEntries(
          ['type', 'dims', 'data', 'location', 'name', 'path', 'signature', 'scale'].map((key) => [
            key,
            { get: throwOwn, enumerable: true },
          ]),
        ),
      ),
  ],
  ['Uint8Array', () => new Uint8Array(4)],
  ['Float64Array', () => new Float64Array(4)],
  ['BigInt64Array', () => new BigInt64Array(4)],
  ['Uint8ClampedArray', () => new Uint8ClampedArray(4)],
  ['DataView', () => new DataView(new ArrayBuffer(16))],
  ['ArrayBuffer', () => new ArrayBuffer(16)],
  ['SharedArrayBuffer', () => new SharedArrayBuffer(16)],
  ['Buffer', () => Buffer.alloc(16)],
  ['detached', () => detached(new Float32Array(4))],
  ['detached ArrayBuffer', () => detached(new Uint8Array(16)).buffer],
  ['resizable', () => new Uint8Array(new ArrayBuffer(4, { maxByteLength: 64 }))],
  ['Array subclass', () => new (class Dims extends Array {})(4)],
  [
    'false length',
    () =>
      new (class extends Float32Array {
        get length() {
          return 1 << 20;
        }
      })(4),
  ],
  ['fake tensor', () => ({ type: 'float32', dims: [4], data: [0, 0, 0, 0] })],
  ['fake signal', () => Object.create(AbortSignal.prototype)],
  ['fake typed array', () => Object.create(Float32Array.prototype)],
];
