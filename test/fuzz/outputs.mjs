// Ways to say what outputs a run shall make and where.
import { makePiece } from './memory.mjs';

/**
 * What a run is asked for.
 *
 * @param expected - the case's outcome; without values the outputs' shapes are not known
 * @returns fetches, options, the expected values, the codes that may be given instead, `must` if
 *   one has to be, and the tensors to be written
 */
export function makeRequest(world, random, record, signature, expected) {
  const values = expected?.values;
  const names = record.outputNames(signature);
  const request = {
    fetches: undefined,
    options: {},
    values,
    codes: [],
    must: undefined,
    pieces: [],
  };
  const ways = ['everything', 'names', 'nulls', 'tensors', 'tensors', 'pool', 'poolAndNames'];
  const way = random.pick(ways);
  world.count(`outputs ${way}`);
  switch (way) {
    case 'names':
    case 'nulls':
    case 'poolAndNames':
      chooseNames(random, request, names, way);
      break;
    case 'tensors':
      if (values !== undefined) giveTensors(world, random, request, names);
      break;
    default:
  }
  if (way.startsWith('pool')) choosePool(world, random, request);
  return request;
}

function chooseNames(random, request, names, way) {
  const chosen = names.filter(() => random.oneIn(2));
  if (chosen.length === 0) chosen.push(random.pick(names));
  if (random.oneIn(2)) chosen.reverse();
  request.fetches =
    way === 'nulls' ? Object.fromEntries(chosen.map((name) => [name, null])) : chosen;
  keepValues(request, chosen);
}

function keepValues(request, chosen) {
  if (request.values === undefined) return;
  request.values = Object.fromEntries(chosen.map((name) => [name, request.values[name]]));
}

function giveTensors(world, random, request, names) {
  const fetches = {};
  const chosen = names.filter(() => !random.oneIn(3));
  if (chosen.length === 0) chosen.push(random.pick(names));
  for (const name of chosen) {
    const value = request.values[name];
    const isTensor = value.type !== undefined;
    if (!isTensor || random.oneIn(4)) {
      fetches[name] = null;
      continue;
    }
    const piece = makePiece(world, random, { ...value, bytes: value.bytes?.map(() => 0xaa) });
    fetches[name] = piece.tensor;
    request.pieces.push(piece);
  }
  if (request.pieces.length > 0 && random.oneIn(12)) {
    // A tensor that cannot take the result.
    const [name] = chosen.filter((name) => fetches[name] !== null);
    const { type, dims, bytes } = request.values[name];
    if (bytes?.length > 0) {
      fetches[name] = makePiece(world, random, { type, dims: [1, ...dims], bytes }, 'plain').tensor;
      request.must = 'ERR_SHAPE_MISMATCH';
    }
  }
  request.fetches = fetches;
  keepValues(request, chosen);
}

function choosePool(world, random, request) {
  const kind = random.pick(['pooled', 'sharedPooled', 'zeroed', 'tiny', 'closed']);
  let pool = world.pools[kind];
  if (kind === 'closed') {
    pool = world.makePool();
    pool.dispose();
  }
  if (pool === undefined) return;
  request.options.pool = pool;
  request.takesFromPool = true;
  if (kind === 'tiny' || kind === 'closed') request.codes.push('ERR_POOL_EXHAUSTED');
}
