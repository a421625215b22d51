import { ProtobufReader, Wire, fieldsOf } from './reader';

const textFields = [0, 1, 2].map((count) =>
  fieldsOf(
    Object.fromEntries(Array.from({ length: count }, (_, index) => [index + 1, Wire.bytes])),
  ),
);

/**
 * Reads a message of which only strings matter, numbered from 1; those that are left out are empty.
 *
 * @throws ProtobufError
 */
export function readTexts(bytes: Buffer, count: 0 | 1 | 2): string[] {
  const reader = new ProtobufReader(bytes);
  const texts = new Array<string>(count).fill('');
  const fields = textFields[count] ?? [];
  while (reader.next(fields)) texts[reader.field - 1] = reader.string();
  return texts;
}
