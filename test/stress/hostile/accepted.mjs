/**
 * The hostile values that are right after all in some place, by the labels of
 * values.mjs. A call with one of them may succeed, or fail with any OnliteError;
 * every other call has to fail and name the place.
 */
const asOptions = new Set([
  'undefined',
  // Objects without properties of their own: no option is set.
  'object',
  'bare object',
  'Map',
  'Set',
  'Date',
  'RegExp',
  'Promise',
  'Number object',
  'Boolean object',
  'empty proxy',
  'DataView',
  'ArrayBuffer',
  'SharedArrayBuffer',
  'detached',
  'detached ArrayBuffer',
  'fake signal',
  'fake typed array',
]);

/** Objects whose own properties are numbers or strings, as `extra` passes them through. */
const asEntries = new Set([
  ...asOptions,
  'String object',
  'Uint8Array',
  'Float64Array',
  'Uint8ClampedArray',
  'Buffer',
  'resizable',
  'false length',
]);

const asName = new Set([
  'undefined',
  'empty string',
  '__proto__',
  'constructor',
  'lone surrogate',
  'long string',
]);

const asBoolean = new Set(['undefined', 'true', 'false']);
const zeroOrMore = new Set(['undefined', '0', '-0', '1']);
const oneOrMore = new Set(['undefined', '1']);
const upTo2e53 = new Set(['0', '-0', '1', '2^31', '2^32']);
const absent = new Set(['undefined']);

const sessionOptions = {
  executionProviders: new Set(['undefined', 'array']),
  intraOpNumThreads: zeroOrMore,
  interOpNumThreads: zeroOrMore,
  concurrency: oneOrMore,
  maxQueue: zeroOrMore,
  mmap: asBoolean,
  latency: asBoolean,
  externalData: new Set(['undefined', 'array']),
  freeDimensionOverrides: new Set([...asOptions, 'array', 'sparse array', 'Array subclass']),
  graphOptimizationLevel: absent,
  enableCpuMemArena: asBoolean,
  enableMemPattern: asBoolean,
  executionMode: absent,
  optimizedModelFilePath: asName,
  enableProfiling: asBoolean,
  profileFilePrefix: asName,
  logId: asName,
  logSeverityLevel: zeroOrMore,
  logVerbosityLevel: zeroOrMore,
  enableGraphCapture: asBoolean,
  extra: asEntries,
};

const runOptions = {
  signal: absent,
  timeoutMs: new Set(['undefined', '0', '-0', '0.5', '1']),
  signature: absent,
  logSeverityLevel: zeroOrMore,
  logVerbosityLevel: zeroOrMore,
  // `terminate: true` is refused as a cancelled run, which names no path.
  terminate: asBoolean,
  tag: asName,
  extra: asEntries,
};

const profileOptions = { runs: oneOrMore, signature: absent, signal: absent };

const numbers = /^(-?0|1|0\.5|-1|1e308|NaN|-?Infinity|2\^\d+)$/;
const asBytes = new Set([
  'Uint8Array',
  'Float64Array',
  'BigInt64Array',
  'Uint8ClampedArray',
  'DataView',
  'ArrayBuffer',
  'SharedArrayBuffer',
  'Buffer',
  'resizable',
  'false length',
]);

/** A label of the form 'place: value'. */
function split(label) {
  const at = label.indexOf(': ');
  return [label.slice(0, at), label.slice(at + 2)];
}

const rules = {
  sourceRange(label) {
    const [second, third, fourth] = label.split(', ');
    if (!numbers.test(second)) return asOptions.has(second);
    if (second !== '0' && second !== '-0') return false;
    return asOptions.has(third === 'undefined' ? fourth : third);
  },
  sessionOption(label, engine) {
    const [key, value] = split(label);
    // Only ONNX Runtime has them.
    if (key === 'freeDimensionOverrides' && engine === 'tflite' && asEntries.has(value))
      return true;
    return sessionOptions[key].has(value);
  },
  sessionOptions: (label) => asOptions.has(label),
  provider: (label) => label === 'option: undefined',
  externalFile(label) {
    const [path, data] = label.split(', ');
    return asName.has(path) && asBytes.has(data);
  },
  freeDimension(label, engine) {
    const [name, value] = split(label);
    // Names are checked against the model's, sizes are for ONNX Runtime to use.
    return engine === 'tflite' && !name.includes('\0') && upTo2e53.has(value);
  },
  feedProperty: (label) =>
    // Arrays are measured by byteLength, so a redefined length deceives nobody.
    ['location: undefined', 'dims: array proxy', 'data: false length'].includes(label),
  feedType: (label) => label === 'float32 0',
  feedDims: (label) => label === 'right',
  fetches(label) {
    const [form, value] = split(label);
    return form === 'second' ? asOptions.has(value) : label === 'by name: null';
  },
  fetchProperty: (label) => ['dims: array proxy', 'data: false length'].includes(label),
  runOption(label) {
    const [key, value] = split(label);
    return runOptions[key].has(value);
  },
  runOptions: (label) => asOptions.has(label),
  profile(label) {
    const [form, value] = split(label);
    return form === 'options' ? asOptions.has(value) : profileOptions[form]?.has(value) === true;
  },
  tensor(label) {
    const [form, value] = split(label);
    switch (form) {
      case 'dims':
        return ['undefined', 'null', 'array proxy'].includes(value);
      case 'only':
        return asBytes.has(value) || value === 'detached';
      case 'data':
        // Plain arrays are converted, element by element, as typed arrays do.
        return ['Array subclass', 'false length'].includes(value);
      case 'of a type':
        return ['Array subclass', 'false length', ...asBytes].includes(value);
      default:
        return false;
    }
  },
  reshape: (label) => ['undefined', 'null', 'array proxy'].includes(label),
  quantization: (label) =>
    [
      'tensor: fake tensor',
      'axis: undefined',
      'scale: array proxy',
      'zeroPoint: array proxy',
    ].includes(label),
  percentile: (label) => ['0', '-0', '0.5', '1'].includes(label),
  info(label) {
    const [form, value] = split(label);
    return form === 'options' ? asOptions.has(value) : asBoolean.has(value);
  },
};

export function isAccepted(family, label, engine) {
  return rules[family]?.(label, engine) ?? false;
}
