import { modelSchema, type Schema } from '../../../../../lib/formats/onnx/schema';
import { varint, wireBytes, wireFields, type WireField } from '../wire';
import type { Random } from '../../../../stress/hostile/random.mjs';

interface Place {
  readonly fields: readonly WireField[];
  readonly index: number;
  readonly field: WireField;
  readonly schema: Schema;
}

type Damage = (place: Place, random: Random) => Buffer;

const lengths = [0, 1, 127, 128, 1 << 20, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 53 - 1];

function replaced({ fields, index }: Place, ...others: WireField[]): Buffer {
  return wireBytes([...fields.slice(0, index), ...others, ...fields.slice(index + 1)]);
}

function withPayload(place: Place, payload: Buffer): Buffer {
  return replaced(place, { ...place.field, payload });
}

/** The field with another length in front of what it has. */
const lieAboutLength: Damage = ({ fields, index, field }, random) =>
  Buffer.concat([
    wireBytes(fields.slice(0, index)),
    varint(field.id * 8 + 2),
    varint(random.oneIn(2) ? random.pick(lengths) : random.below(2 * field.payload.length + 2)),
    field.payload,
    wireBytes(fields.slice(index + 1)),
  ]);

const repeatField: Damage = (place, random) =>
  replaced(place, ...new Array<WireField>(random.pick([2, 3, 100])).fill(place.field));

const removeField: Damage = (place) => replaced(place);

const moveField: Damage = ({ fields, index, field }, random) => {
  const rest = fields.filter((_, at) => at !== index);
  rest.splice(random.below(fields.length), 0, field);
  return wireBytes(rest);
};

const renumberField: Damage = (place, random) =>
  replaced(place, { ...place.field, id: random.pick(place.schema.fields).id });

const retypeField: Damage = (place, random) =>
  replaced(place, { ...place.field, wireType: random.below(8) });

const cutPayload: Damage = (place, random) =>
  withPayload(place, place.field.payload.subarray(random.below(place.field.payload.length + 1)));

const scramblePayload: Damage = (place, random) => {
  const payload = Buffer.from(place.field.payload);
  for (let count = 0; count < 4 && payload.length > 0; count++) {
    payload[random.below(payload.length)] = random.pick([0, 1, 127, 128, 255, random.below(256)]);
  }
  return withPayload(place, payload);
};

/** The field inside of itself, again and again. */
const nestField: Damage = (place, random) => {
  let field: WireField = { ...place.field, wireType: 2 };
  for (let depth = random.pick([1, 99, 101, 1000]); depth > 0; depth--) {
    field = { ...field, payload: wireBytes([field]) };
  }
  return replaced(place, field);
};

const damages: Record<string, Damage> = {
  lieAboutLength,
  repeatField,
  removeField,
  moveField,
  renumberField,
  retypeField,
  cutPayload,
  scramblePayload,
  nestField,
};

/**
 * A model with one field damaged, of any message in it; those around it have their right lengths, so
 * that the reader gets as far as there.
 */
export function damageField(
  bytes: Buffer,
  random: Random,
  schema = modelSchema,
): { kind: string; bytes: Buffer } {
  const fields = wireFields(bytes);
  const index = random.below(fields.length);
  const field = fields[index];
  if (!field) return { kind: 'none', bytes };
  const place = { fields, index, field, schema };
  const inner = schema.byId.get(field.id)?.kind;
  if (typeof inner === 'function' && field.payload.length > 0 && !random.oneIn(5)) {
    const { kind, bytes: payload } = damageField(field.payload, random, inner());
    return { kind, bytes: withPayload(place, payload) };
  }
  const [kind, damage] = random.pick<[string, Damage]>(Object.entries(damages));
  return { kind, bytes: damage(place, random) };
}
