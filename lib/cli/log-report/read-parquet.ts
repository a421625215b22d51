import { OnliteError } from '../../errors';
import { invalid } from '../feeds/files';

/** What is used of the package hyparquet, which is the user's to install. */
interface ParquetReader {
  readonly asyncBufferFromFile: (path: string) => Promise<unknown>;
  readonly parquetMetadataAsync: (file: unknown) => Promise<{ readonly num_rows: bigint }>;
  readonly parquetReadObjects: (options: {
    file: unknown;
    metadata: unknown;
    rowStart: number;
    rowEnd: number;
  }) => Promise<Record<string, unknown>[]>;
}

/** @throws OnliteError ERR_UNSUPPORTED where it is not installed */
async function loadParquetReader(name = 'hyparquet'): Promise<ParquetReader> {
  try {
    return (await import(name)) as ParquetReader;
  } catch (cause) {
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      `to read Parquet needs the package ${name}, which cannot be loaded here: npm install ${name}`,
      { cause },
    );
  }
}

/** Rows that are read together, as they are written. */
const ROWS = 10_000;
const FEATURE = 'features.';

/** A row with what a line of the log has; its columns are those of `writeParquet`. */
function lineOf(row: Record<string, unknown>): object {
  const features: [string, unknown][] = [];
  const line: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(row)) {
    if (name.startsWith(FEATURE)) features.push([name.slice(FEATURE.length), value]);
    else if (name === 'time' && value instanceof Date) line['time'] = value.toISOString();
    else if (value !== null && name !== '__proto__') line[name] = value;
  }
  return { ...line, features: Object.fromEntries(features) };
}

/**
 * The rows of a Parquet file that a log has become, each as its line was.
 *
 * @throws OnliteError ERR_UNSUPPORTED without hyparquet, ERR_INVALID_ARGUMENT for a file that is none
 */
export async function* parquetLines(path: string): AsyncGenerator<object> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } =
    await loadParquetReader();
  try {
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file);
    const rows = Number(metadata.num_rows);
    for (let rowStart = 0; rowStart < rows; rowStart += ROWS) {
      const rowEnd = Math.min(rowStart + ROWS, rows);
      for (const row of await parquetReadObjects({ file, metadata, rowStart, rowEnd })) {
        yield lineOf(row);
      }
    }
  } catch (cause) {
    throw invalid(`cannot read '${path}'`, cause);
  }
}
