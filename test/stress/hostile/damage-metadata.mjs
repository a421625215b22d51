const text = new TextDecoder();

/** Where a FlatBuffers table has its field, and what the offset there leads to; undefined if absent. */
function follow(view, table, slot) {
  const vtable = table - view.getInt32(table, true);
  if (4 + 2 * slot >= view.getUint16(vtable, true)) return undefined;
  const field = view.getUint16(vtable + 4 + 2 * slot, true);
  if (field === 0) return undefined;
  const at = table + field;
  return { at, target: at + view.getUint32(at, true) };
}

function* tables(view, vector) {
  const count = view.getUint32(vector, true);
  for (let index = 0; index < count; index++) {
    const at = vector + 4 + 4 * index;
    yield at + view.getUint32(at, true);
  }
}

/**
 * Where the bytes of a TensorFlow Lite model's CONVERSION_METADATA lie, a FlatBuffers file
 * inside the file; undefined if the model has none.
 */
export function conversionMetadata(model) {
  const view = new DataView(model.buffer, model.byteOffset, model.byteLength);
  const root = view.getUint32(0, true);
  const entries = follow(view, root, 6);
  if (entries === undefined) return undefined;
  for (const entry of tables(view, entries.target)) {
    const name = follow(view, entry, 0).target;
    const letters = model.subarray(name + 4, name + 4 + view.getUint32(name, true));
    if (text.decode(letters) !== 'CONVERSION_METADATA') continue;
    const number = follow(view, entry, 1);
    const index = number === undefined ? 0 : view.getUint32(number.at, true);
    const buffer = [...tables(view, follow(view, root, 4).target)][index];
    const data = follow(view, buffer, 0);
    if (data === undefined) return undefined;
    return { start: data.target + 4, size: view.getUint32(data.target, true) };
  }
  return undefined;
}

const words = [0, 1, 4, 0xff, 0x7fff, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff];

/** A copy of the model whose CONVERSION_METADATA is damaged, and nothing else. */
export function damageConversionMetadata(model, random) {
  const bytes = Uint8Array.from(model);
  const view = new DataView(bytes.buffer);
  const { start, size } = conversionMetadata(model);
  const changes = 1 + random.below(4);
  for (let change = 0; change < changes; change++) {
    const at = start + random.below(size);
    if (random.oneIn(2)) bytes[at] = random.below(256);
    else if (at + 4 <= start + size) view.setUint32(at, random.pick(words), true);
  }
  return { kind: 'conversionMetadata', bytes };
}
