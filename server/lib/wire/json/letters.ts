/** The bytes that JSON's grammar has. */
export const Letter = {
  quote: 0x22,
  plus: 0x2b,
  comma: 0x2c,
  minus: 0x2d,
  dot: 0x2e,
  zero: 0x30,
  nine: 0x39,
  colon: 0x3a,
  E: 0x45,
  I: 0x49,
  N: 0x4e,
  openBracket: 0x5b,
  backslash: 0x5c,
  closeBracket: 0x5d,
  e: 0x65,
  f: 0x66,
  n: 0x6e,
  t: 0x74,
  openBrace: 0x7b,
  closeBrace: 0x7d,
} as const;

export const isSpace = (letter: number): boolean =>
  letter === 0x20 || letter === 0x0a || letter === 0x0d || letter === 0x09;

export const isDigit = (letter: number): boolean => letter >= Letter.zero && letter <= Letter.nine;
