import type { Tensor } from 'onlite';

/** How numbers are written: `tensorflow` as TensorFlow Serving does, `3.0` for a whole float. */
export type NumberForm = 'shortest' | 'tensorflow';

/** Types whose numbers are floats. */
const isFloat = (type: string): boolean => type === 'float32' || type === 'float64';

/** How one element of a tensor is written. */
export function elementPrinter(
  type: string,
  form: NumberForm,
): (element: number | bigint) => string {
  if (type === 'bool') return (element) => (element === 0 ? 'false' : 'true');
  if (!isFloat(type)) return (element) => element.toString();
  const isSingle = type === 'float32';
  if (form === 'shortest') return isSingle ? shortestSingle : shortestDouble;
  return isSingle ? tensorflowSingle : tensorflowDouble;
}

/** Powers of ten that a double holds exactly. */
const exactPowers = Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));

function notFinite(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}

function shortestSingle(element: number | bigint): string {
  const value = Number(element);
  if (!Number.isFinite(value)) return notFinite(value);
  if (Object.is(value, -0)) return '-0.0';
  // A double of few digits is the same number.
  const exact = String(value);
  if (exact.length <= 7) return exact;
  const power = Math.floor(Math.log10(Math.abs(value)));
  for (let digits = 6; digits < 9; digits++) {
    const rounded = roundedTo(value, digits, power);
    if (Math.fround(rounded) === value) return String(rounded);
  }
  return String(Number(value.toPrecision(9)));
}

/** A number of so many digits that is near a value below the next power of ten. */
function roundedTo(value: number, digits: number, power: number): number {
  const scale = exactPowers[digits - 1 - power];
  if (scale === undefined) return Number(value.toPrecision(digits));
  // Both are exact, so that the quotient is the decimal's nearest double.
  return Math.round(value * scale) / scale;
}

function shortestDouble(element: number | bigint): string {
  const value = Number(element);
  if (!Number.isFinite(value)) return notFinite(value);
  return Object.is(value, -0) ? '-0.0' : String(value);
}

const tensorflowSingle = (element: number | bigint): string => {
  const value = Number(element);
  return general(value, Math.fround(Number(value.toPrecision(6))) === value ? 6 : 9);
};

const tensorflowDouble = (element: number | bigint): string => {
  const value = Number(element);
  return general(value, Number(value.toPrecision(15)) === value ? 15 : 17);
};

/** C's `%.<digits>g`, with `.0` after what would look like a whole number. */
function general(value: number, digits: number): string {
  if (!Number.isFinite(value)) return notFinite(value);
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [mantissa = '', exponent = '0'] = value.toExponential(digits - 1).split('e');
  const power = Number(exponent);
  if (power < -4 || power >= digits) {
    const sign = power < 0 ? '-' : '+';
    return `${withoutZeros(mantissa)}e${sign}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  const text = withoutZeros(value.toFixed(Math.max(0, digits - 1 - power)));
  return text.includes('.') ? text : `${text}.0`;
}

const withoutZeros = (text: string): string =>
  text.includes('.') ? text.replace(/\.?0+$/, '') : text;

/** The elements of a tensor from one to before another, with commas between them. */
export function printElements(
  tensor: Tensor,
  form: NumberForm,
  start: number,
  end: number,
  separator = ',',
): string {
  const print = elementPrinter(tensor.type, form);
  const data = tensor.data as ArrayLike<number | bigint>;
  const parts: string[] = [];
  for (let index = start; index < end; index++) parts.push(print(data[index] ?? 0));
  return parts.join(separator);
}

/** Elements in arrays as a shape says, from an element on. */
export function printNested(
  print: (index: number) => string,
  shape: readonly number[],
  start = 0,
): string {
  let next = start;
  const nested = (axis: number): string => {
    const size = shape[axis];
    if (size === undefined) return print(next++);
    const parts: string[] = [];
    for (let index = 0; index < size; index++) parts.push(nested(axis + 1));
    return `[${parts.join(', ')}]`;
  };
  return nested(0);
}
