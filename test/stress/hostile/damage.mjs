/**
 * A damaged copy of a model's bytes. The structure of both formats lies mostly
 * at the ends of a file, weights between, so most damage is done near an end:
 * in weights it would only change results.
 */
export function damage(model, random) {
  const kind = random.pick(kinds);
  return { kind: kind.name, bytes: kind(model, random) };
}

const endBytes = 6144;

function place(model, random, size = 1) {
  const last = Math.max(1, model.length - size + 1);
  const near = Math.min(endBytes, last);
  switch (random.below(5)) {
    case 0:
    case 1:
      return random.below(near);
    case 2:
    case 3:
      return last - 1 - random.below(near);
    default:
      return random.below(last);
  }
}

function wordPlace(model, random) {
  return place(model, random, 8) & ~3;
}

function edit(model, change) {
  const bytes = Uint8Array.from(model);
  change(bytes, new DataView(bytes.buffer));
  return bytes;
}

function flipBit(model, random) {
  return edit(model, (bytes) => {
    bytes[place(model, random)] ^= 1 << random.below(8);
  });
}

function replaceByte(model, random) {
  return edit(model, (bytes) => {
    bytes[place(model, random)] = random.below(256);
  });
}

/** Small numbers become other small numbers: dims, axes, counts, types, indices. */
function nudgeByte(model, random) {
  return edit(model, (bytes) => {
    bytes[place(model, random)] += random.pick([-2, -1, 1, 2, 3]);
  });
}

function replaceBytes(model, random) {
  return edit(model, (bytes) => {
    for (let count = 0; count < 6; count++) bytes[place(model, random)] = random.below(256);
  });
}

function truncate(model, random) {
  const length = random.oneIn(2) ? random.below(model.length) : place(model, random);
  return model.slice(0, length);
}

function zeroRange(model, random) {
  return edit(model, (bytes) => {
    const at = place(model, random);
    bytes.fill(0, at, at + 1 + random.below(64));
  });
}

function swapWords(model, random) {
  return edit(model, (bytes, view) => {
    const first = wordPlace(model, random);
    const second = wordPlace(model, random);
    if (Math.max(first, second) + 4 > bytes.length) return;
    const word = view.getUint32(first, true);
    view.setUint32(first, view.getUint32(second, true), true);
    view.setUint32(second, word, true);
  });
}

const extremeWords = [0, 1, 2, 64, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x40000000];

/** What a FlatBuffer's lengths, offsets and dims are made of. */
function extremeWord(model, random) {
  return edit(model, (bytes, view) => {
    const at = wordPlace(model, random);
    if (at + 4 <= bytes.length) view.setUint32(at, random.pick(extremeWords), true);
  });
}

/** What a protobuf's lengths, field numbers and dims are made of. */
function extremeVarint(model, random) {
  return edit(model, (bytes) => {
    const at = place(model, random);
    bytes.fill(0xff, at, at + 1 + random.below(9));
    bytes[Math.min(at + 9, bytes.length - 1)] = random.below(128);
  });
}

function append(model, random) {
  const bytes = new Uint8Array(model.length + 1 + random.below(256));
  bytes.set(model);
  for (let at = model.length; at < bytes.length; at++) bytes[at] = random.below(256);
  return bytes;
}

function insertBytes(model, random) {
  const at = place(model, random);
  const count = 1 + random.below(16);
  const bytes = new Uint8Array(model.length + count);
  bytes.set(model.subarray(0, at));
  for (let index = at; index < at + count; index++) bytes[index] = random.below(256);
  bytes.set(model.subarray(at), at + count);
  return bytes;
}

function removeBytes(model, random) {
  const at = place(model, random);
  const rest = model.subarray(Math.min(model.length, at + 1 + random.below(16)));
  const bytes = new Uint8Array(at + rest.length);
  bytes.set(model.subarray(0, at));
  bytes.set(rest, at);
  return bytes;
}

const kinds = [
  flipBit,
  flipBit,
  nudgeByte,
  nudgeByte,
  nudgeByte,
  replaceByte,
  replaceBytes,
  truncate,
  zeroRange,
  swapWords,
  extremeWord,
  extremeWord,
  extremeVarint,
  append,
  insertBytes,
  removeBytes,
];
