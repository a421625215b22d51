import { badRequest } from '../errors';

/** Rows of comma-separated values (RFC 4180); blank lines are none. */
export function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let position = text.startsWith('\ufeff') ? 1 : 0;
  while (position < text.length) {
    const [field, end] = readField(text, position);
    row.push(field);
    const after = text[end];
    position = end + 1;
    if (after === ',') {
      if (position === text.length) row.push('');
      else continue;
    }
    if (after === '\r' && text[position] === '\n') position++;
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
  }
  if (row.length > 0) rows.push(row);
  return rows;
}

/** A field and where it ends. */
function readField(text: string, start: number): [string, number] {
  if (text[start] !== '"') {
    let end = start;
    while (end < text.length && !',\r\n'.includes(text[end] ?? '')) end++;
    return [text.slice(start, end), end];
  }
  let field = '';
  for (let from = start + 1; ;) {
    const quote = text.indexOf('"', from);
    if (quote < 0) throw badRequest('', 'a quoted field of the CSV does not end');
    field += text.slice(from, quote);
    if (text[quote + 1] !== '"') {
      const end = quote + 1;
      if (end < text.length && !',\r\n'.includes(text[end] ?? '')) {
        throw badRequest('', 'a quoted field of the CSV goes on after its quote');
      }
      return [field, end];
    }
    field += '"';
    from = quote + 2;
  }
}
