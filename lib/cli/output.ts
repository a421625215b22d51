import { inspect } from 'node:util';

/** Colours only where a person looks at them: https://no-color.org */
function colourful(): boolean {
  return process.stdout.isTTY && !process.env['NO_COLOR'];
}

function style(format: 'bold' | 'red' | 'yellow' | 'green' | 'dim', text: string): string {
  if (!colourful()) return text;
  const [open = 0, close = 0] = inspect.colors[format] ?? [];
  return `\u001b[${open}m${text}\u001b[${close}m`;
}

export const bold = (text: string): string => style('bold', text);
export const red = (text: string): string => style('red', text);
export const yellow = (text: string): string => style('yellow', text);
export const green = (text: string): string => style('green', text);

/** Names come from files: control characters (terminal escapes among them) are shown, not sent. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (letter) => {
    return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** `1234567` as `1,234,567`, in every locale. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** `1536` as `1.5 KiB`. */
export function byteSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? String(value) : value.toFixed(1)} ${units[unit] ?? ''}`;
}

export function nanoseconds(value: number): string {
  if (value < 1e3) return `${value.toFixed(0)} ns`;
  if (value < 1e6) return `${(value / 1e3).toFixed(1)} µs`;
  if (value < 1e9) return `${(value / 1e6).toFixed(2)} ms`;
  return `${(value / 1e9).toFixed(2)} s`;
}

/**
 * Rows in columns, two spaces apart, each as wide as its widest cell. Cells are made printable; a
 * header row is bold. Columns named in `right` are aligned to the right.
 */
export function table(
  rows: readonly (readonly string[])[],
  options: { header?: readonly string[]; right?: readonly number[]; indent?: number } = {},
): string {
  const all = (options.header ? [options.header, ...rows] : rows).map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of all) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  const lines = all.map((row, index) => {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      if (options.right?.includes(column)) return cell.padStart(width);
      return column === row.length - 1 ? cell : cell.padEnd(width);
    });
    const line = cells.join('  ').trimEnd();
    return ' '.repeat(options.indent ?? 2) + (options.header && index === 0 ? bold(line) : line);
  });
  return lines.join('\n');
}

/** A title and, indented under it, the rows; empty without rows. */
export function section(
  title: string,
  rows: readonly (readonly string[])[],
  options: Parameters<typeof table>[1] = {},
): string {
  return rows.length === 0 ? '' : `\n${bold(title)}\n${table(rows, options)}\n`;
}

/** JSON with bigints as numbers where exact, else as strings. */
export function toJson(value: object): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) => {
      if (typeof item !== 'bigint') return item;
      const number = Number(item);
      return Number.isSafeInteger(number) ? number : item.toString();
    },
    2,
  );
}
