import { STATIC_TABLE } from './static-table';

/**
 * A block of header fields in HPACK's plainest forms (RFC 7541, 6): those that it knows by number, others as they
 * are. It refers to no other block, so that one that is the same each time is made once.
 */
export function encodeFields(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(fields.map(([name, value]) => encodeField(name, value)));
}

function encodeField(name: string, value: string): Buffer {
  const known = STATIC_TABLE.findIndex(([n, v]) => n === name && v === value);
  if (known >= 0) return Buffer.of(0x80 | (known + 1));
  const named = STATIC_TABLE.findIndex(([n]) => n === name);
  const text = Buffer.from(value, 'latin1');
  const head = named >= 0 ? number(0, 4, named + 1) : [0, ...number(0, 7, name.length)];
  const rest = named >= 0 ? [] : [...Buffer.from(name, 'latin1')];
  return Buffer.concat([Buffer.from([...head, ...rest, ...number(0, 7, text.length)]), text]);
}

/** An integer (RFC 7541, 5.1). */
function number(first: number, bits: number, value: number): number[] {
  const most = (1 << bits) - 1;
  if (value < most) return [first | value];
  const bytes = [first | most];
  let left = value - most;
  for (; left > 0x7f; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80);
  bytes.push(left);
  return bytes;
}
