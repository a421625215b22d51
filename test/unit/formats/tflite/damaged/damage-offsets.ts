import type { Random } from '../../../../stress/hostile/random.mjs';

type Damage = (bytes: Buffer, offsets: readonly number[], random: Random) => void;

const lengths = [0, 1, 4, 2 ** 16, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 4, 2 ** 32 - 1];

/** Places of words that can be offsets to what comes after them. */
function offsetsOf(bytes: Buffer): number[] {
  const found: number[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const offset = bytes.readUint32LE(at);
    if (offset >= 4 && offset % 4 === 0 && at + offset + 4 <= bytes.length) found.push(at);
  }
  return found;
}

/** The field refers to what another one does, of any type. */
const exchange: Damage = (bytes, offsets, random) => {
  const at = random.pick(offsets);
  const later = offsets.filter((other) => other + bytes.readUint32LE(other) > at);
  const other = random.pick(later);
  bytes.writeUint32LE(other + bytes.readUint32LE(other) - at, at);
};

/** Many fields refer to one thing. */
const share: Damage = (bytes, offsets, random) => {
  const other = random.pick(offsets);
  const target = other + bytes.readUint32LE(other);
  for (const at of offsets) {
    if (at < target && random.oneIn(3)) bytes.writeUint32LE(target - at, at);
  }
};

/** The list that is referred to claims another length. */
const lieAboutLength: Damage = (bytes, offsets, random) => {
  const at = random.pick(offsets);
  const length = random.oneIn(2) ? random.pick(lengths) : random.below(1 << 12);
  bytes.writeUint32LE(length, at + bytes.readUint32LE(at));
};

/** What is referred to has its fields elsewhere. */
const moveFieldList: Damage = (bytes, offsets, random) => {
  const at = random.pick(offsets);
  bytes.writeInt32LE(random.below(2 * bytes.length) - bytes.length, at + bytes.readUint32LE(at));
};

const shift: Damage = (bytes, offsets, random) => {
  const at = random.pick(offsets);
  bytes.writeUint32LE((bytes.readUint32LE(at) + random.pick([1, 2, 4, 8, -4 >>> 0])) >>> 0, at);
};

const damages: Record<string, Damage> = { exchange, share, lieAboutLength, moveFieldList, shift };

/** A model with one or a few of its offsets damaged. */
export function damageOffset(model: Buffer, random: Random): { kind: string; bytes: Buffer } {
  const bytes = Buffer.from(model);
  const [kind, change] = random.pick<[string, Damage]>(Object.entries(damages));
  for (let count = 1 + random.below(3); count > 0; count--) change(bytes, offsetsOf(bytes), random);
  return { kind, bytes };
}
