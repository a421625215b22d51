import { OwnError, detached } from './values.mjs';

function throwOwn() {
  throw new OwnError('from a prototype');
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype);

/** Puts a property on an object for a while; returns how to take it away again. */
function define(target, key, descriptor) {
  const before = Object.getOwnPropertyDescriptor(target, key);
  Object.defineProperty(target, key, { __proto__: null, configurable: true, ...descriptor });
  return () => {
    if (before === undefined) delete target[key];
    else Object.defineProperty(target, key, before);
  };
}

function value(target, key, what) {
  return [
    `${String(key)} is ${typeof what}`,
    () => define(target, key, { value: what, writable: true, enumerable: true }),
  ];
}

function throwing(target, key) {
  return [`${String(key)} throws`, () => define(target, key, { get: throwOwn, set: throwOwn })];
}

/** Assignments to the key vanish, as far as they reach the prototype. */
function swallowing(target, key) {
  return [`${String(key)} swallows`, () => define(target, key, { get: () => {}, set: () => {} })];
}

/** Assignments to the key go elsewhere and come back; every read can run code. */
function diverting(target, key) {
  return [
    `${String(key)} diverts`,
    () => {
      const values = new WeakMap();
      return define(target, key, {
        get() {
          return values.get(this);
        },
        set(stored) {
          values.set(this, stored);
        },
      });
    },
  ];
}

function getter(target, key, get) {
  return [`getter of ${String(key)}`, () => define(target, key, { get })];
}

const optionNames = [
  'type',
  'dims',
  'data',
  'location',
  'name',
  'path',
  'bytes',
  'cause',
  'code',
  'message',
  'signal',
  'timeoutMs',
  'signature',
  'executionProviders',
  'externalData',
  'optional',
  'scale',
  'length',
  'a',
  'sum',
  'kind',
  'inputs',
  'outputs',
  'key',
  'quantization',
  'axis',
  'load',
  'configEntries',
];

const descriptorNames = ['get', 'set', 'value', 'writable', 'enumerable', 'configurable'];

/**
 * What another part of a program may have done to the prototypes: [label, install],
 * where install returns how to undo it.
 */
export const pollutions = [
  ...optionNames.map((name) => value(Object.prototype, name, 'float32')),
  ...optionNames.map((name) => value(Object.prototype, name, 1)),
  ...optionNames.map((name) => throwing(Object.prototype, name)),
  ...optionNames.map((name) => swallowing(Object.prototype, name)),
  ...descriptorNames.map((name) => value(Object.prototype, name, () => 1)),
  // As a function it would make every object a promise that never settles.
  value(Object.prototype, 'then', 1),
  value(Object.prototype, 'signal', new AbortController().signal),
  value(Object.prototype, 'data', new Float32Array(4)),
  value(Object.prototype, 'dims', [4]),
  ...[0, 1, 2, 3, 4, 5, 7].flatMap((index) => [
    value(Array.prototype, index, 1),
    throwing(Array.prototype, index),
    swallowing(Array.prototype, index),
    diverting(Array.prototype, index),
  ]),
  ...['push', 'map', 'slice', 'join', 'some', 'entries'].map((name) =>
    value(Array.prototype, name, throwOwn),
  ),
  getter(typedArray, 'length', () => 4),
  getter(typedArray, 'length', () => 2 ** 30),
  getter(typedArray, 'byteLength', () => 16),
  getter(typedArray, 'byteLength', () => 2 ** 40),
  getter(typedArray, 'byteOffset', () => 2 ** 40),
  getter(typedArray, 'buffer', () => detached(new Uint8Array(8)).buffer),
  getter(typedArray, Symbol.toStringTag, () => 'Float32Array'),
  value(Number, 'isSafeInteger', () => true),
  value(Number, 'isInteger', () => true),
  value(Array, 'isArray', () => true),
  value(Object, 'keys', () => ['a', 'b']),
  value(ArrayBuffer, 'isView', () => true),
];
