import { OnliteError } from '../../errors';

/** The dictionary at the start of a .npy file. */
export interface NpyHeader {
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** Where the elements begin. */
  readonly dataOffset: number;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const MAX_HEADER_BYTES = 1 << 16;
/** NumPy's own limit. */
const MAX_RANK = 64;
/** NumPy aligns the elements so that they can be memory-mapped. */
const ALIGNMENT = 64;

const fail = (reason: string): never => {
  throw new OnliteError('ERR_INVALID_ARGUMENT', `npy: ${reason}`);
};

function parseShape(text: string): number[] {
  const items = text.split(',').map((item) => item.trim());
  // A tuple of one is written `(3,)`, an empty one `()`.
  if (items.at(-1) === '') items.pop();
  if (items.length > MAX_RANK) fail(`${items.length} dimensions, at most 64`);
  return items.map((item) => {
    // Python 2 wrote `3L`.
    if (!/^\d+L?$/.test(item)) fail(`shape (${text.slice(0, 100)}) is not a tuple of sizes`);
    const size = Number(item.replace('L', ''));
    if (!Number.isSafeInteger(size)) fail(`dimension ${item} is too large`);
    return size;
  });
}

/** One `'key': value` of the three that a header may have. */
const ENTRY =
  /^\s*(['"])(descr|fortran_order|shape)\1\s*:\s*(?:(['"])([^'"\\]*)\3|(True|False)|\(([^()]*)\))\s*(?:,|$)/;

/** Reads the header's dictionary, a literal of Python, without evaluating anything. */
function parseDictionary(text: string): Omit<NpyHeader, 'dataOffset'> {
  const body = /^\s*\{([^{}]*)\}\s*$/.exec(text)?.[1];
  if (body === undefined) return fail('the header is not a dictionary of plain values');
  let descr: string | undefined;
  let fortranOrder: boolean | undefined;
  let shape: number[] | undefined;
  let rest = body;
  while (rest.trim() !== '') {
    const match = ENTRY.exec(rest);
    if (!match) return fail(`cannot read the header at '${rest.trim().slice(0, 40)}'`);
    const [whole, , key, , quoted, flag, tuple] = match;
    if (key === 'descr') descr = quoted;
    else if (key === 'fortran_order')
      fortranOrder = flag === undefined ? undefined : flag === 'True';
    else shape = tuple === undefined ? undefined : parseShape(tuple);
    rest = rest.slice(whole.length);
  }
  if (descr === undefined || fortranOrder === undefined || shape === undefined) {
    return fail("the header needs 'descr' (no record type), 'fortran_order' and 'shape'");
  }
  return { descr, fortranOrder, shape };
}

/** @throws OnliteError ERR_INVALID_ARGUMENT when the bytes do not begin as a .npy file. */
export function readHeader(bytes: Uint8Array): NpyHeader {
  if (bytes.length < 10 || !MAGIC.every((byte, index) => bytes[index] === byte)) {
    return fail('not a .npy file');
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = view.getUint8(6);
  if (major < 1 || major > 3) return fail(`format version ${major}, expected 1 to 3`);
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) return fail('the file ends inside its header');
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER_BYTES) return fail(`the header has ${length} bytes`);
  const dataOffset = start + length;
  if (dataOffset > bytes.length) return fail('the file ends inside its header');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, length);
  return { ...parseDictionary(text.toString(major === 3 ? 'utf8' : 'latin1')), dataOffset };
}

/** A header of format version 1, padded as NumPy pads it. */
export function writeHeader(descr: string, shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const size = Math.ceil((10 + text.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = Buffer.alloc(size, ' ');
  header.set(MAGIC);
  header.writeUInt8(1, 6);
  header.writeUInt8(0, 7);
  header.writeUInt16LE(size - 10, 8);
  header.write(text, 10, 'latin1');
  header.write('\n', size - 1);
  return header;
}
