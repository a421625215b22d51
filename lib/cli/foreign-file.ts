const gitLfs = 'a Git LFS pointer, not the model itself: run `git lfs pull` in its repository';
const tar = 'a tar archive: unpack it first (tar -xf)';

/** Where a file's format is told by some bytes at a fixed place, as latin1. */
const magics: readonly (readonly [at: number, bytes: string, what: string])[] = [
  [0, 'version https://git-lfs.github.com/spec/', gitLfs],
  [0, 'version https://hawser.github.com/spec/', gitLfs],
  [0, '\x1f\x8b', 'compressed with gzip: unpack it first (gunzip, or tar -xzf)'],
  [0, 'BZh', 'compressed with bzip2: unpack it first (bunzip2, or tar -xjf)'],
  [0, '\xfd7zXZ\0', 'compressed with xz: unpack it first (unxz, or tar -xJf)'],
  [0, '\x28\xb5\x2f\xfd', 'compressed with zstd: unpack it first (unzstd)'],
  [0, '7z\xbc\xaf\x27\x1c', 'a 7-Zip archive: unpack it first'],
  [257, 'ustar\x0000', tar],
  [257, 'ustar  \0', tar],
  [
    0,
    '\x89HDF\r\n\x1a\n',
    'an HDF5 file, as Keras writes: convert the model with tf2onnx or ' +
      "TensorFlow's TFLiteConverter",
  ],
  [
    0,
    'GGUF',
    'a GGUF file, which llama.cpp runs and neither ONNX Runtime nor TensorFlow Lite does',
  ],
  [0, '\x93NUMPY', 'a NumPy array, which is no model'],
];

const latin1 = (file: Buffer, start: number, end: number): string =>
  file.toString('latin1', start, end);

/** An archive's names, from the directory at its end; as many as can be read. */
function zipNames(file: Buffer): string[] {
  const names: string[] = [];
  const end = file.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  if (end < 0 || end < file.length - 22 - 0xffff || file.length - end < 22) return names;
  let at = file.readUInt32LE(end + 16);
  while (at + 46 <= end && latin1(file, at, at + 4) === 'PK\x01\x02' && names.length < 10_000) {
    const length = file.readUInt16LE(at + 28);
    if (length > end - at - 46) break;
    names.push(file.toString('utf8', at + 46, at + 46 + length));
    at += 46 + length + file.readUInt16LE(at + 30) + file.readUInt16LE(at + 32);
  }
  return names;
}

function describeZip(file: Buffer): string {
  const names = zipNames(file);
  const endingWith = (end: string): string | undefined => names.find((name) => name.endsWith(end));
  const tflite = endingWith('.tflite');
  if (tflite !== undefined) {
    return (
      'a zip archive of TensorFlow Lite models, as a MediaPipe .task bundle is: unzip it and ' +
      `load what is in it, such as ${tflite}`
    );
  }
  const onnx = endingWith('.onnx');
  if (onnx !== undefined) {
    return `a zip archive with an ONNX model in it: unzip it and load ${onnx}`;
  }
  if (endingWith('data.pkl') !== undefined) {
    return 'a PyTorch file: export the model to ONNX (torch.onnx.export)';
  }
  if (endingWith('model.weights.h5') !== undefined) {
    return "a Keras model: convert it with tf2onnx or TensorFlow's TFLiteConverter";
  }
  return 'a zip archive: unpack it first';
}

/** The file begins with the length of a JSON object, and that object. */
function isSafetensors(file: Buffer): boolean {
  return (
    file.length > 16 &&
    latin1(file, 8, 10) === '{"' &&
    file.readBigUInt64LE(0) <= BigInt(file.length - 8)
  );
}

/** Field 1 is 1, and field 2 a message and not, as in an ONNX model, a name. */
function isSavedModel(file: Buffer): boolean {
  if (latin1(file, 0, 3) !== '\x08\x01\x12') return false;
  let at = 3;
  while (at < file.length && at < 13 && (file[at] ?? 0) >= 0x80) at++;
  return at > 3 && file[at + 1] === 0x0a;
}

/** A protocol of 2 to 5, which Python writes since 2.3. */
function isPickle([first = 0, second = 0, ...rest]: Uint8Array): boolean {
  return first === 0x80 && second >= 2 && second <= 5 && rest.length > 0;
}

function describeText(file: Buffer): string | undefined {
  const text = file
    .toString('latin1', 0, 1024)
    .replace(/^\xef\xbb\xbf/, '')
    .replace(/^[ \t\r\n]+/, '');
  if (/^(<!doctype|<html)/i.test(text)) {
    return (
      'an HTML page, not the model itself: a server answered the download with a page, such as ' +
      'a login or an error'
    );
  }
  if (/^<\?xml/i.test(text)) return "an XML file, such as an OpenVINO model or a server's error";
  if (/^\{[ \t\r\n]*"/.test(text)) {
    return (
      'JSON, not a model in a binary format: an error that a server answered with, or a ' +
      'TensorFlow.js model, which has to be converted'
    );
  }
  return undefined;
}

/**
 * What people give for a model by mistake, named with the remedy. The words are those of
 * InferenceSession.create (native/runtimes/foreign_file.cc).
 *
 * @returns undefined for a file that may be a model, or that nothing is known of
 */
export function describeForeignFile(bytes: Uint8Array): string | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const [at, magic, what] of magics) {
    if (latin1(file, at, at + magic.length) === magic) return what;
  }
  if (latin1(file, 0, 4) === 'PK\x03\x04') return describeZip(file);
  if (isSafetensors(file)) {
    return (
      'a safetensors file, which has weights but no graph: export the model to ONNX ' +
      '(optimum-cli export onnx, torch.onnx.export)'
    );
  }
  if (isSavedModel(file)) {
    return "a TensorFlow SavedModel: convert it with tf2onnx or TensorFlow's TFLiteConverter";
  }
  if (isPickle(file.subarray(0, 3))) {
    return 'a Python pickle: export the model to ONNX (torch.onnx.export, skl2onnx)';
  }
  return describeText(file);
}
