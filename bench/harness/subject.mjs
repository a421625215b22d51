// Sessions, tensors and bindings as the suites need them: the Node side of every case.
import { InferenceSession, Tensor } from 'onlite';

import { modelPath } from '../models/models.mjs';
import { fillFloats, sizeOf } from '../models/values.mjs';
import { Skip } from './skip.mjs';

/** A session of one of the benchmarks' models with one intra-op thread, if not told otherwise. */
export const createSession = (name, options = {}) =>
  InferenceSession.create(modelPath(name), { intraOpNumThreads: 1, ...options });

const arrays = {
  float32: Float32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int32: Int32Array,
};

function tensorFor({ name, type, shape }) {
  const Type = arrays[type];
  if (Type === undefined) throw new Skip(`no values for ${name}, which is ${type}`);
  // Open dimensions are -1, or a name.
  const dims = shape.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : 1));
  const data = new Type(sizeOf(dims));
  if (type === 'float32') fillFloats(data);
  else data.forEach((_, index) => (data[index] = Math.imul(index, 2654435761) >>> 24));
  return new Tensor(type, data, dims);
}

const tensorsFor = (metadata) =>
  Object.fromEntries(metadata.map((value) => [value.name, tensorFor(value)]));

export const feedsFor = (session) => tensorsFor(session.inputMetadata);
export const outputsFor = (session) => tensorsFor(session.outputMetadata);

/** Sizes of the model's symbolic dimensions, all 1. */
function openDims(session) {
  const shapes = [...session.inputMetadata, ...session.outputMetadata].map(({ shape }) => shape);
  const names = shapes.flat().filter((dim) => typeof dim === 'string' && dim !== '');
  return Object.fromEntries(names.map((dim) => [dim, 1]));
}

/** An IoBinding of the session with tensors of its own, which onlite allocates. */
export function bindingFor(session) {
  if (!hasBindings()) throw new Skip('this build has no session.bind');
  const binding = session.bind({ dims: openDims(session) });
  for (const [name, { data }] of Object.entries(feedsFor(session))) {
    binding.inputs[name].data.set(data);
  }
  return binding;
}

/** Functions that start a run each, for closed loops: one binding a lane, or shared feeds. */
export function boundLanes(session, count) {
  return Array.from({ length: count }, () => {
    const binding = bindingFor(session);
    return () => binding.run();
  });
}

export function feedLanes(session, count) {
  const feeds = feedsFor(session);
  return Array.from({ length: count }, () => () => session.run(feeds));
}

/** Whether this build has bindings; suites use them where they can. */
export const hasBindings = () => typeof InferenceSession.prototype.bind === 'function';
export const bestLanes = (session, count) =>
  hasBindings() ? boundLanes(session, count) : feedLanes(session, count);
