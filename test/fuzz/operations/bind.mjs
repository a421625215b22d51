// Bindings: made, run, changed and given up.
import { kinds, makePiece } from '../memory.mjs';
import { makeEnding } from '../ending.mjs';
import { create } from './create.mjs';

/** A binding and what is bound: its inputs by name, and the outputs that were given. */
class Bound {
  /** Runs that have not settled. */
  pending = 0;
  /** Runs of others that read its inputs. */
  readers = 0;
  /** Runs of others that write its outputs. */
  writers = 0;
  isTainted = false;
  isDisposed = false;
  inputs = {};
  outputs = {};
  outputsChanged = 0;
  /** The case whose data the inputs hold; -1 if it is another. */
  current = -1;

  constructor(io, record, index) {
    this.io = io;
    this.record = record;
    this.id = `${record.id} binding`;
    /** The cases whose tensors fit. */
    const { shapes } = record.reference;
    this.cases = [...shapes.keys()].filter((other) => shapes[other] === shapes[index]);
  }

  get mayBeBusy() {
    return this.pending > 0 || this.writers > 0 || this.isTainted;
  }

  get isLost() {
    return piecesOf(this).some(({ isLost }) => isLost);
  }

  settled() {
    this.isTainted = false;
  }
}

/** Binds random tensors of a case; others are left out. */
export async function bind(world, random) {
  const record = world.pickSession(random);
  if (record === undefined) return create(world, random);
  const { model } = record;
  if (model.stateful !== undefined) return undefined;
  const index = random.below(model.cases.length);
  const { inputs, signature } = model.cases[index];
  const expected = record.reference.outcomes[index];
  const place = random.below(world.bindings.length);
  world.count('bind', record.id);
  giveUp(world, random, world.bindings[place]);
  world.bindings[place] = undefined;
  const options = { inputs: {}, outputs: {}, dims: {}, ...(signature && { signature }) };
  const pieces = { inputs: {}, outputs: {} };
  for (const value of inputs) {
    if (value.strings === undefined && random.oneIn(2)) {
      options.dims[value.name] = value.dims;
      continue;
    }
    const piece = makePiece(world, random, value);
    pieces.inputs[value.name] = piece;
    options.inputs[value.name] = piece.tensor;
  }
  for (const name of record.outputNames(signature)) {
    const value = expected.values?.[name];
    // A value whose shape is known may have its place.
    const way =
      value?.bytes === undefined || model.isLying
        ? 'dynamic'
        : random.pick(['given', 'left out', 'dynamic']);
    if (way === 'given') {
      const piece = makePiece(world, random, { ...value, bytes: value.bytes.map(() => 0x55) });
      pieces.outputs[name] = piece;
      options.outputs[name] = piece.tensor;
    } else if (way === 'left out') options.dims[name] = value.dims;
    else options.outputs[name] = 'dynamic';
  }
  let io;
  try {
    io = record.session.bind(options);
  } catch (error) {
    const codes = record.isReleased ? ['ERR_SESSION_RELEASED'] : bindCodes(record, inputs);
    for (const piece of piecesOf(pieces)) piece.dispose();
    return world.checkError(error, new Set(codes));
  }
  world.check(!record.isReleased, 'no error, expected ERR_SESSION_RELEASED');
  const bound = new Bound(io, record, index);
  Object.assign(bound, pieces);
  for (const value of inputs) {
    // An optional input is not made up.
    if (io.inputs[value.name] !== undefined) continue;
    pieces.inputs[value.name] = makePiece(world, random, value);
    io.setInput(value.name, pieces.inputs[value.name].tensor);
  }
  world.bindings[place] = bound;
  return undefined;
}

/** Strings and packed elements are the runtimes' to refuse. */
function bindCodes(record, inputs) {
  return inputs.some(({ strings }) => strings !== undefined) ? ['ERR_UNSUPPORTED'] : [];
}

const piecesOf = ({ inputs, outputs }) => [...Object.values(inputs), ...Object.values(outputs)];

/** Runs a binding on the data of a case of its shapes. */
export async function runBound(world, random) {
  const bound = world.bindings[random.below(world.bindings.length)];
  if (bound === undefined) return bind(world, random);
  const { record } = bound;
  if (!bound.mayBeBusy && !bound.isDisposed) writeCase(random, bound);
  if (bound.current === -1 && !bound.isDisposed) return undefined;
  const index = bound.current;
  const expected = index === -1 ? {} : record.reference.outcomes[index];
  const codes = new Set();
  let must = expected.code;
  if (bound.isLost) must = 'ERR_BUFFER_DETACHED';
  if (record.isReleased) must = 'ERR_SESSION_RELEASED';
  if (bound.isDisposed) must = 'ERR_TENSOR_DISPOSED';
  if (bound.mayBeBusy) codes.add('ERR_BUSY');
  const isSync = random.oneIn(2);
  if (isSync) runBoundSync(world, random, bound, expected, codes, must);
  else runBoundLater(world, random, bound, expected, codes, must);
  return undefined;
}

/** Another case's data, or that which is there already. */
function writeCase(random, bound) {
  const { cases } = bound.record.model;
  if (bound.readers > 0 || bound.isLost || (bound.current !== -1 && random.oneIn(3))) return;
  bound.current = random.pick(bound.cases);
  for (const value of cases[bound.current].inputs) {
    const piece = bound.inputs[value.name];
    if (piece === undefined) writeTo(bound.io.inputs[value.name].data, value.bytes);
    else piece.write(value);
  }
}

function writeTo(data, bytes) {
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength).set(bytes);
}

function runBoundSync(world, random, bound, expected, codes, must) {
  const { record } = bound;
  if (world.engine === 'tflite' && record.mayBeBusy) codes.add('ERR_BUSY');
  world.count('bound runSync', bound.id);
  record.started++;
  let outcome = {};
  try {
    bound.io.runSync();
  } catch (error) {
    outcome = { error };
  }
  finish(world, bound, expected, outcome, codes, must, () => false);
}

function runBoundLater(world, random, bound, expected, codes, must) {
  const { record } = bound;
  const ending = random.oneIn(5) ? makeEnding(random) : { codes: [] };
  for (const code of ending.codes) codes.add(code);
  if (record.options.maxQueue !== undefined && record.mayBeBusy) codes.add('ERR_QUEUE_FULL');
  world.count('bound run', bound.id);
  const { inlineRuns } = record.session;
  const promises = [bound.io.run(ending.options)];
  const isOver = record.session.inlineRuns > inlineRuns;
  ending.start?.();
  // Unless it was made at once, its own run is in flight until the event loop turns, at the least.
  const isOnItsWay = must === undefined && codes.size === 0 && !isOver;
  if (isOnItsWay && random.oneIn(4)) expectBusy(world, bound);
  if (ending.must !== undefined && must === undefined) must = ending.must;
  bound.pending++;
  record.pending++;
  record.started++;
  record.runs.add(promises[0]);
  if (!codes.has('ERR_BUSY')) changeSnapshots(world, random, bound);
  const { outputsChanged } = bound;
  const what = `bound run of ${bound.id}`;
  world.watch(what, promises[0], (outcome) => {
    record.runs.delete(promises[0]);
    bound.pending--;
    record.pending--;
    finish(world, bound, expected, outcome, codes, must, (name) => {
      return bound.outputsChanged !== outputsChanged && bound.outputs[name] !== undefined;
    });
  });
}

function expectBusy(world, bound) {
  const busy = new Set(['ERR_BUSY']);
  world.count('bound run while busy', bound.id);
  world.watch('a second bound run', bound.io.run(), ({ error }) => world.checkError(error, busy));
  try {
    bound.io.runSync();
  } catch (error) {
    return world.checkError(error, busy);
  }
  return world.check(false, 'no error, expected ERR_BUSY');
}

/** What an asynchronous run has copied may change. */
function changeSnapshots(world, random, bound) {
  for (const piece of Object.values(bound.inputs)) {
    if (!piece.isSnapshot || bound.readers > 0 || !random.oneIn(4)) continue;
    piece.scribble(random);
    bound.current = -1;
    world.count('bound input scribbled', bound.id);
  }
}

function finish(world, bound, expected, { error }, codes, must, isHidden) {
  const { record } = bound;
  if (error !== undefined) {
    if (bound.isDisposed && bound.pending === 0) disposePieces(bound);
    if (error.code === 'ERR_CANCELLED' || error.code === 'ERR_TIMEOUT') {
      bound.isTainted = true;
      record.abandoned++;
    }
    if (must !== undefined) codes.add(must);
    return world.checkError(error, codes);
  }
  record.succeeded++;
  world.check(must === undefined, `no error, expected ${must}`);
  const outputs = {};
  const { values } = expected;
  for (const name of Object.keys(values)) {
    const piece = bound.outputs[name];
    if (isHidden(name)) continue;
    // Its own tensors have gone back.
    if (bound.isDisposed && piece === undefined) continue;
    outputs[name] = bound.io.outputs[name];
  }
  const wanted = Object.fromEntries(Object.keys(outputs).map((name) => [name, values[name]]));
  world.compare(outputs, wanted, record.model.close);
  if (bound.isDisposed) disposePieces(bound);
  return undefined;
}

/** Binds another tensor of the same shape in place of one. */
export async function rebind(world, random) {
  const bound = world.bindings[random.below(world.bindings.length)];
  if (bound === undefined) return bind(world, random);
  const { record, io } = bound;
  const { cases } = record.model;
  const [index] = bound.cases;
  const isInput = random.oneIn(2);
  if (!isInput && record.model.isLying) return undefined;
  const values = isInput
    ? cases[index].inputs
    : namedValues(record.reference.outcomes[index].values);
  if (values.length === 0) return undefined;
  const value = random.pick(values);
  const piece = makePiece(world, random, value, random.pick(kinds));
  const codes = new Set();
  if (bound.mayBeBusy) codes.add('ERR_BUSY');
  if (bound.isDisposed) codes.add('ERR_TENSOR_DISPOSED');
  if (record.isReleased) codes.add('ERR_SESSION_RELEASED');
  world.count(isInput ? 'setInput' : 'setOutput', bound.id, value.name);
  try {
    if (isInput) io.setInput(value.name, piece.tensor);
    else io.setOutput(value.name, piece.tensor);
  } catch (error) {
    piece.dispose();
    return world.checkError(error, codes);
  }
  world.check(!bound.isDisposed, 'no error, expected ERR_TENSOR_DISPOSED');
  // A run that has ended, which the one who waits for it does not know yet, wrote to the other.
  if (!isInput) bound.outputsChanged++;
  const list = isInput ? bound.inputs : bound.outputs;
  list[value.name]?.dispose();
  list[value.name] = piece;
  bound.current = -1;
  return undefined;
}

function namedValues(values = {}) {
  return Object.entries(values)
    .filter(([, { bytes }]) => bytes !== undefined)
    .map(([name, value]) => ({ name, ...value }));
}

/** Gives a bound tensor back: its memory stays as long as it is bound. */
export async function disposeBoundTensor(world, random) {
  const bound = world.bindings[random.below(world.bindings.length)];
  if (bound === undefined || bound.isDisposed) return;
  const piece = random.pick([...Object.values(bound.inputs), undefined]);
  if (piece === undefined || !piece.isPooled) return;
  world.count('dispose bound tensor', bound.id);
  piece.dispose();
}

/** Takes the memory of a bound tensor away: the binding is of no use until it has another. */
export async function loseBoundTensor(world, random) {
  const bound = world.bindings[random.below(world.bindings.length)];
  if (bound === undefined || bound.isDisposed || bound.mayBeBusy || bound.readers > 0) return;
  const pieces = piecesOf(bound);
  if (pieces.length > 0 && random.pick(pieces).lose()) world.count('bound tensor lost', bound.id);
}

/** A run of the session that reads what a binding reads, or writes what it writes. */
export async function runBeside(world, random) {
  const bound = world.bindings[random.below(world.bindings.length)];
  if (bound === undefined || bound.current === -1 || bound.isDisposed || bound.isLost) return;
  const { record, io, current } = bound;
  const expected = record.reference.outcomes[current];
  if (record.isReleased || expected.values === undefined) return;
  const { signature, inputs } = record.model.cases[current];
  const codes = new Set(record.options.maxQueue === undefined ? [] : ['ERR_QUEUE_FULL']);
  const feeds = {};
  for (const { name } of inputs) {
    feeds[name] = io.inputs[name];
    if (feeds[name].location === 'none') codes.add('ERR_TENSOR_DISPOSED');
  }
  const fetches = Object.fromEntries(Object.keys(expected.values).map((name) => [name, null]));
  const written = Object.entries(bound.outputs).filter(([, piece]) => piece.isPooled);
  const doesWrite = written.length > 0 && random.oneIn(2);
  for (const [name, { tensor }] of doesWrite ? written : []) {
    fetches[name] = tensor;
    if (tensor.location === 'none') codes.add('ERR_TENSOR_DISPOSED');
  }
  if (doesWrite && bound.mayBeBusy) codes.add('ERR_BUSY');
  world.count(`run beside a binding`, bound.id);
  const given = signature === undefined ? [] : [{ signature }];
  const promise = record.session.run(feeds, fetches, ...given);
  bound.readers++;
  if (doesWrite) bound.writers++;
  record.pending++;
  record.started++;
  record.runs.add(promise);
  const { outputsChanged } = bound;
  world.watch(`run beside ${bound.id}`, promise, ({ value, error }) => {
    bound.readers--;
    if (doesWrite) bound.writers--;
    record.pending--;
    record.runs.delete(promise);
    // What was disposed meanwhile shows nothing any more, and nothing can be written there.
    const isGone = doesWrite && (bound.isDisposed || bound.outputsChanged !== outputsChanged);
    if (isGone) codes.add('ERR_TENSOR_DISPOSED');
    if (error !== undefined) return world.checkError(error, codes);
    record.succeeded++;
    if (isGone) return undefined;
    return world.compare(value, expected.values, record.model.close);
  });
}

/** Ends a binding; its run in flight goes on. */
export async function disposeBinding(world, random) {
  const bound = world.bindings[random.below(world.bindings.length)];
  if (bound !== undefined && !bound.isDisposed) dispose(world, bound);
}

function dispose(world, bound) {
  world.count('dispose binding', bound.id);
  bound.io.dispose();
  bound.isDisposed = true;
  if (bound.pending === 0) disposePieces(bound);
}

export function disposePieces(bound) {
  for (const piece of piecesOf(bound)) piece.dispose();
}

function giveUp(world, random, bound) {
  if (bound === undefined) return;
  if (!random.oneIn(4)) dispose(world, bound);
  else world.count('forget binding', bound.id);
}
