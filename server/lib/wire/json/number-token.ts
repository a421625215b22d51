import { Letter, isDigit } from './letters';

/** Where the number that begins at `start` ends; -1 if there is none. `NaN` and `Infinity` are some. */
export function endOfNumber(bytes: Buffer, start: number, end: number): number {
  let position = start;
  if (bytes[position] === Letter.minus) position++;
  if (bytes[position] === Letter.I) return endOfWord(bytes, position, end, 'Infinity');
  if (bytes[position] === Letter.N) {
    return position === start ? endOfWord(bytes, position, end, 'NaN') : -1;
  }
  const whole = position;
  position = afterDigits(bytes, position, end);
  const length = position - whole;
  if (length === 0 || (length > 1 && bytes[whole] === Letter.zero)) return -1;
  if (position < end && bytes[position] === Letter.dot) {
    const fraction = position + 1;
    position = afterDigits(bytes, fraction, end);
    if (position === fraction) return -1;
  }
  if (position < end && ((bytes[position] ?? 0) | 0x20) === Letter.e) {
    position++;
    if (bytes[position] === Letter.plus || bytes[position] === Letter.minus) position++;
    const exponent = position;
    position = afterDigits(bytes, exponent, end);
    if (position === exponent) return -1;
  }
  return position;
}

function afterDigits(bytes: Buffer, start: number, end: number): number {
  let position = start;
  while (position < end && isDigit(bytes[position] ?? 0)) position++;
  return position;
}

function endOfWord(bytes: Buffer, start: number, end: number, word: string): number {
  const after = start + word.length;
  return after <= end && bytes.toString('latin1', start, after) === word ? after : -1;
}
