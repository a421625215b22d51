// Calls that are wrong in one thing, and the code that says which.
import { makePiece } from '../memory.mjs';

/** A run with one wrong feed or argument. */
export async function wrong(world, random) {
  const record = world.pickSession(random);
  if (record === undefined || record.isReleased) return;
  const { cases } = record.model;
  const { inputs, signature } = random.pick(cases);
  const feeds = {};
  const pieces = inputs.map((value) => {
    const piece = makePiece(world, random, value);
    feeds[value.name] = piece.tensor;
    return piece;
  });
  const numeric = pieces.filter(({ view }) => view !== undefined && view.byteLength > 0);
  const spoilt = spoil(random, feeds, inputs, numeric);
  if (spoilt !== undefined) {
    const { code, options = {}, fetches } = spoilt;
    const given = { ...options, ...(signature && { signature }) };
    const args = fetches === undefined ? [feeds, given] : [feeds, fetches, given];
    call(world, random, record, args, new Set([code].flat()));
  }
  for (const piece of pieces) piece.dispose();
}

function spoil(random, feeds, inputs, numeric) {
  const [name] = Object.keys(feeds);
  const piece = numeric.length === 0 ? undefined : random.pick(numeric);
  const nameOf = (wanted) => Object.keys(feeds).find((key) => feeds[key] === wanted.tensor);
  switch (random.below(9)) {
    case 0:
      feeds['no such input'] = feeds[name];
      return { code: 'ERR_INVALID_ARGUMENT' };
    case 1:
      if (piece === undefined) return undefined;
      feeds[nameOf(piece)] = { ...piece.tensor, type: 'nonsense', dims: [], data: piece.view };
      return { code: 'ERR_INVALID_ARGUMENT' };
    case 2:
      if (piece?.lose() !== true) return undefined;
      return { code: 'ERR_BUFFER_DETACHED' };
    case 3:
      if (piece?.isPooled !== true) return undefined;
      piece.dispose();
      return { code: 'ERR_TENSOR_DISPOSED' };
    case 4: {
      if (piece === undefined) return undefined;
      const { type, dims } = piece.tensor;
      feeds[nameOf(piece)] = { type, dims: [...dims, 7], data: piece.view };
      // A buffer that can be resized may have been.
      return { code: ['ERR_SHAPE_MISMATCH', 'ERR_BUFFER_DETACHED'] };
    }
    case 5:
      return { code: 'ERR_INVALID_ARGUMENT', fetches: ['no such output'] };
    case 6:
      return { code: 'ERR_INVALID_ARGUMENT', options: { nonsense: true } };
    case 7:
      return { code: 'ERR_INVALID_ARGUMENT', fetches: [] };
    default: {
      if (piece === undefined || piece.tensor.type === 'complex128') return undefined;
      const { dims } = piece.tensor;
      const data = new Uint8Array(piece.view.byteLength);
      feeds[nameOf(piece)] = { type: 'complex128', dims, data };
      // Not the length that the type has, or not the model's type.
      return { code: ['ERR_SHAPE_MISMATCH', 'ERR_TYPE_MISMATCH'] };
    }
  }
}

function call(world, random, record, args, codes) {
  world.count('wrong call', record.id);
  if (random.oneIn(2)) {
    world.watch(`wrong run of ${record.id}`, record.session.run(...args), ({ error }) =>
      world.checkError(error, codes),
    );
    return;
  }
  let thrown;
  try {
    record.session.runSync(...args);
  } catch (error) {
    thrown = error;
  }
  world.checkError(thrown, codes);
}

/** An output bound to the memory of an input, or part of it. */
export function boundOverItself(world, random) {
  const record = world.pickSession(random);
  if (record === undefined || record.isReleased || record.model.stateful !== undefined) return;
  const { inputs, signature } = random.pick(record.model.cases);
  if (inputs.length === 0) return;
  const [output] = record.outputNames(signature);
  const value = random.pick(inputs);
  const piece = makePiece(world, random, value, 'plain');
  const { tensor, view } = piece;
  if (view !== undefined && view.byteLength > 0 && piece.isPooled !== true) {
    world.count('bind over itself', record.id);
    let thrown;
    let io;
    try {
      io = record.session.bind({
        inputs: { [value.name]: tensor },
        outputs: { [output]: tensor },
        dims: Object.fromEntries(inputs.map(({ name, dims }) => [name, dims])),
        ...(signature && { signature }),
      });
    } catch (error) {
      thrown = error;
    }
    io?.dispose();
    // It may be the wrong type or shape for an output, or be nothing that can be bound.
    const refused = ['ERR_INVALID_ARGUMENT', 'ERR_TYPE_MISMATCH', 'ERR_SHAPE_MISMATCH'];
    world.checkError(thrown, new Set([...refused, 'ERR_UNSUPPORTED']));
  }
  piece.dispose();
}
