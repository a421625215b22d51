/** The protobuf wire format, written for the tests by itself: the server's is not to judge itself. */

export type Value = string | number | bigint | boolean | Uint8Array | Message | Packed;
/** Fields by number, in their order; lists are repeated fields that are not packed. */
export type Message = readonly (readonly [field: number, value: Value])[];

export class Packed {
  readonly bytes: Buffer;
  constructor(kind: 'varint' | 'float' | 'double', values: readonly (number | bigint | boolean)[]) {
    this.bytes =
      kind === 'varint'
        ? Buffer.concat(values.map((value) => varint(BigInt(value))))
        : Buffer.from(
            (kind === 'float'
              ? Float32Array.from(values.map(Number))
              : Float64Array.from(values.map(Number))
            ).buffer,
          );
  }
}

export function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, value);
  do {
    bytes.push(Number(left & 0x7fn) | (left > 0x7fn ? 0x80 : 0));
    left >>= 7n;
  } while (left > 0n);
  return Buffer.from(bytes);
}

const tag = (field: number, wire: number) => varint(BigInt(field * 8 + wire));

export function encode(message: Message): Buffer {
  return Buffer.concat(
    message.flatMap(([field, value]) => {
      if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') {
        return [tag(field, 0), varint(BigInt(value))];
      }
      const bytes =
        typeof value === 'string'
          ? Buffer.from(value)
          : value instanceof Packed
            ? value.bytes
            : value instanceof Uint8Array
              ? value
              : encode(value);
      return [tag(field, 2), varint(BigInt(bytes.length)), bytes];
    }),
  );
}

/** The fields of a message by number: varints as bigint, all else as its bytes. */
export function decode(bytes: Buffer): Record<number, (bigint | Buffer)[]> {
  const fields: Record<number, (bigint | Buffer)[]> = {};
  let position = 0;
  const number = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[position++];
      if (byte === undefined) throw new Error('cut off');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number): Buffer => {
    const part = bytes.subarray(position, position + length);
    if (part.length !== length) throw new Error('cut off');
    position += length;
    return part;
  };
  while (position < bytes.length) {
    const key = Number(number());
    const wire = key & 7;
    if (![0, 1, 2, 5].includes(wire)) throw new Error(`encoding ${wire}`);
    const value = wire === 0 ? number() : take(wire === 1 ? 8 : wire === 5 ? 4 : Number(number()));
    (fields[key >> 3] ??= []).push(value);
  }
  return fields;
}

export const texts = (values: readonly (bigint | Buffer)[] | undefined): string[] =>
  (values ?? []).map(String);

/** The first value of a field, as a message. */
export const inside = (
  message: Record<number, (bigint | Buffer)[]>,
  field: number,
  index = 0,
): Record<number, (bigint | Buffer)[]> => decode(message[field]![index] as Buffer);

export const floatsOf = (bytes: bigint | Buffer | undefined): number[] => [
  ...new Float32Array(new Uint8Array(bytes as Buffer).buffer),
];

export const varints = (bytes: bigint | Buffer | undefined): bigint[] => {
  const list: bigint[] = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of bytes as Buffer) {
    value |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (byte >= 0x80) continue;
    list.push(value);
    value = shift = 0n;
  }
  return list;
};
