import { createReadStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';

import { OnliteError } from '../../errors';

/** What is used of the package hyparquet-writer, which is the user's to install. */
interface ParquetWriter {
  readonly parquetWriteFile: (options: {
    filename: string;
    columnData: { name: string; data: unknown[]; type: string; nullable: boolean }[];
    rowGroupSize: number;
  }) => void;
}

/** @throws OnliteError ERR_UNSUPPORTED where it is not installed */
export async function loadParquetWriter(name = 'hyparquet-writer'): Promise<ParquetWriter> {
  try {
    return (await import(name)) as ParquetWriter;
  } catch (cause) {
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      `Parquet needs the package ${name} (0.17 or later), which cannot be loaded here: npm install ${name}`,
      { cause },
    );
  }
}

const ROWS_OF_A_GROUP = 10_000;

/** The columns of each row, before those of its features. */
const FIXED = {
  time: 'TIMESTAMP',
  requestId: 'STRING',
  model: 'STRING',
  version: 'STRING',
  latencyMs: 'DOUBLE',
  error: 'STRING',
  scores: 'JSON',
} as const;

/** Values of one column, null where a row has none. */
class Column {
  readonly values: unknown[];
  #isText = false;

  constructor(before: number) {
    this.values = Array<unknown>(before).fill(null);
  }

  add(value: unknown): void {
    if (typeof value === 'string') this.#isText = true;
    this.values.push(value ?? null);
  }

  fill(length: number): void {
    while (this.values.length < length) this.values.push(null);
  }

  /** Numbers, or text where one of them is none. */
  data(): { data: unknown[]; type: string } {
    if (!this.#isText) return { data: this.values, type: 'DOUBLE' };
    const text = (value: unknown): unknown =>
      value === null || typeof value === 'string' ? value : JSON.stringify(value);
    return { data: this.values.map(text), type: 'STRING' };
  }
}

/**
 * Writes a log of predictions as a Parquet file: a column for each of the log's fields, for each
 * feature (`features.<name>`) and for the prediction. Lines that are none are left out.
 *
 * @returns how many rows it has
 * @throws OnliteError ERR_UNSUPPORTED without hyparquet-writer; Error where the disk fails
 */
export async function writeParquet(jsonl: string, parquet: string): Promise<number> {
  const { parquetWriteFile } = await loadParquetWriter();
  const fixed = new Map<string, unknown[]>(Object.keys(FIXED).map((name) => [name, []]));
  const others = new Map<string, Column>();
  let rows = 0;
  const add = (name: string, value: unknown): void => {
    let column = others.get(name);
    if (column === undefined) others.set(name, (column = new Column(rows)));
    column.fill(rows);
    column.add(value);
  };
  for await (const line of createInterface({ input: createReadStream(jsonl) })) {
    const row = parsed(line);
    if (row === undefined) continue;
    for (const [name, values] of fixed) {
      const value = row[name] ?? null;
      values.push(name === 'time' && typeof value === 'string' ? new Date(value) : value);
    }
    for (const [name, value] of Object.entries(row['features'] ?? {})) {
      add(`features.${name}`, value);
    }
    add('prediction', row['prediction']);
    if (row['weight'] !== undefined) add('weight', row['weight']);
    rows += 1;
  }
  for (const column of others.values()) column.fill(rows);
  const part = `${parquet}.part`;
  try {
    parquetWriteFile({
      filename: part,
      columnData: [
        ...Object.entries(FIXED).map(([name, type]) => ({
          name,
          data: fixed.get(name) ?? [],
          type,
          nullable: true,
        })),
        ...[...others].map(([name, column]) => ({ name, nullable: true, ...column.data() })),
      ],
      rowGroupSize: ROWS_OF_A_GROUP,
    });
    await rename(part, parquet);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  return rows;
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const row: unknown = JSON.parse(line);
    return typeof row === 'object' && row !== null ? (row as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
