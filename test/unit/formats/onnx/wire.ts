import type { Field, ScalarKind, Schema } from '../../../../lib/formats/onnx/schema';
import { WIRE_TYPE } from '../../../../lib/formats/onnx/wire-type';
import type { Random } from '../../../stress/hostile/random.mjs';

/** One field as it is in a file: its payload is without tag and length. */
export interface WireField {
  readonly id: number;
  readonly wireType: number;
  readonly payload: Buffer;
}

function varintEnd(bytes: Buffer, at: number): number {
  let end = at;
  while ((bytes[end] ?? 0) >= 128) end++;
  return end + 1;
}

function readVarint(bytes: Buffer, at: number): number {
  let value = 0;
  for (let index = varintEnd(bytes, at) - 1; index >= at; index--) {
    value = value * 128 + ((bytes[index] ?? 0) & 127);
  }
  return value;
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

/** The fields of a message that is known to be sound. */
export function wireFields(bytes: Buffer): WireField[] {
  const fields: WireField[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = readVarint(bytes, at);
    const wireType = tag & 7;
    let start = varintEnd(bytes, at);
    let end = wireType === 0 ? varintEnd(bytes, start) : start + (wireType === 1 ? 8 : 4);
    if (wireType === 2) {
      const length = readVarint(bytes, start);
      start = varintEnd(bytes, start);
      end = start + length;
    }
    fields.push({ id: tag >>> 3, wireType, payload: bytes.subarray(start, end) });
    at = end;
  }
  return fields;
}

export function wireBytes(fields: readonly WireField[]): Buffer {
  return Buffer.concat(
    fields.flatMap(({ id, wireType, payload }) => {
      const tag = varint(id * 8 + wireType);
      return wireType === 2 ? [tag, varint(payload.length), payload] : [tag, payload];
    }),
  );
}

/** The same number with bytes more than it needs. */
function padded(number: Buffer, random: Random): Buffer {
  const last = number.length - 1;
  const more = random.below(Math.min(4, 10 - last));
  if (more === 0) return number;
  const bytes = Buffer.concat([number, Buffer.alloc(more, 128)]);
  bytes[last] = (bytes[last] ?? 0) | 128;
  bytes[bytes.length - 1] = 0;
  return bytes;
}

function* packedValues(kind: ScalarKind, payload: Buffer): Iterable<Buffer> {
  const size = { 0: 0, 1: 8, 2: 0, 5: 4 }[WIRE_TYPE[kind]];
  for (let at = 0; at < payload.length;) {
    const end = size === 0 ? varintEnd(payload, at) : at + size;
    yield payload.subarray(at, end);
    at = end;
  }
}

/** Fields of one number: packed in one, in two blocks, or one by one. */
function packedOtherwise(
  id: number,
  kind: ScalarKind,
  fields: readonly WireField[],
  random: Random,
): WireField[] {
  const wireType = WIRE_TYPE[kind];
  const values = fields.flatMap((field) =>
    field.wireType === 2 ? [...packedValues(kind, field.payload)] : [field.payload],
  );
  const packed = (some: readonly Buffer[]): WireField => ({
    id,
    wireType: 2,
    payload: Buffer.concat(some),
  });
  switch (random.below(3)) {
    case 0:
      return [packed(values)];
    case 1: {
      const middle = random.below(values.length + 1);
      return [packed(values.slice(0, middle)), packed(values.slice(middle))];
    }
    default:
      return values.map((payload) => ({ id, wireType, payload }));
  }
}

/** Another order of the fields, in which those of one number keep theirs. */
function shuffled(groups: readonly (readonly WireField[])[], random: Random): WireField[] {
  const queues = groups.map((group) => [...group]);
  const fields: WireField[] = [];
  for (;;) {
    const left = queues.filter((queue) => queue.length > 0);
    if (left.length === 0) return fields;
    fields.push(...random.pick(left).splice(0, 1));
  }
}

/**
 * A message as another writer could have it, which means the same: fields in another order, packed
 * otherwise, singular ones there twice, numbers longer than they need be.
 */
export function writtenOtherwise(schema: Schema, bytes: Buffer, random: Random): Buffer {
  const groups = new Map<Field | undefined, WireField[]>();
  for (const field of wireFields(bytes)) {
    const known = schema.byId.get(field.id);
    groups.set(known, [...(groups.get(known) ?? []), field]);
  }
  const others = [...groups].map(([known, fields]): WireField[] => {
    // Unknown fields are one list in their order.
    if (!known) return fields;
    const { id, kind } = known;
    if (typeof kind === 'function') {
      return fields.map(({ wireType, payload }) => ({
        id,
        wireType,
        payload: writtenOtherwise(kind(), payload, random),
      }));
    }
    if (!known.repeated) return random.oneIn(4) ? [...fields, ...fields] : fields;
    return WIRE_TYPE[kind] === 2 ? fields : packedOtherwise(id, kind, fields, random);
  });
  return Buffer.concat(
    shuffled(others, random).flatMap(({ id, wireType, payload }) => {
      const tag = padded(varint(id * 8 + wireType), random);
      if (wireType === 2) return [tag, padded(varint(payload.length), random), payload];
      return [tag, wireType === 0 ? padded(payload, random) : payload];
    }),
  );
}
