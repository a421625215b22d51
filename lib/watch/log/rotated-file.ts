import { mkdir, open, readdir, rename, stat, unlink, type FileHandle } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';

import { requireCount } from '../../checks';
import { OnliteError } from '../../errors';
import { Pause } from './pause';

export interface RotationOptions {
  /** A file that would become longer is closed and renamed. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Renamed files that are kept; the oldest goes first. Default 10. */
  readonly maxFiles?: number;
  /** Lines that wait for the disk; more are dropped and counted. Default 4 MiB. */
  readonly maxWaitingBytes?: number;
}

/** So many bytes are not waited with for others. */
const ENOUGH_BYTES = 256 << 10;

/** Makes a renamed file into another one, whose name it is given, and removes it. */
export type Archive = (file: string, archived: string) => Promise<void>;

/** What archived files end in. */
export const ARCHIVED = '.parquet';

/** `predictions.jsonl` → `predictions-20261127T130000.123Z-0.jsonl`: names in the order of time. */
function rotatedName(path: string, date: Date, count: number): string {
  const extension = extname(path);
  const time = date.toISOString().replaceAll(/[-:]/g, '');
  return join(dirname(path), `${basename(path, extension)}-${time}-${count}${extension}`);
}

/**
 * Lines appended to a file that is renamed when it is long enough. Appending never waits and never
 * throws for the disk: lines wait in bounded memory, those of a tenth of a second for each other; what
 * finds no room, or cannot be written, is dropped and counted.
 */
export class RotatedFile {
  readonly path: string;
  readonly #maxBytes: number;
  readonly #maxFiles: number;
  readonly #maxWaitingBytes: number;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #file: FileHandle | null = null;
  #bytes = 0;
  #rotations = 0;
  #draining: Promise<void> | null = null;
  readonly #pause = new Pause();
  #isClosed = false;
  #isTidy = false;
  #written = 0;
  #dropped = 0;
  #failure: Error | null = null;
  readonly #archive: Archive | undefined;
  #archiving: Promise<void> = Promise.resolve();

  constructor(path: string, options: RotationOptions = {}, archive?: Archive) {
    const { maxBytes = 64 << 20, maxFiles = 10, maxWaitingBytes = 4 << 20 } = options;
    requireCount(maxBytes, 'maxBytes');
    requireCount(maxFiles, 'maxFiles');
    requireCount(maxWaitingBytes, 'maxWaitingBytes');
    this.path = path;
    this.#archive = archive;
    this.#maxBytes = maxBytes;
    this.#maxFiles = maxFiles;
    this.#maxWaitingBytes = maxWaitingBytes;
  }

  /** Lines that are in a file. */
  get written(): number {
    return this.#written;
  }

  /** Lines that found no room, or that the disk did not take. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Why a line was last lost to the disk. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** @param line - without its end */
  append(line: string): void {
    const bytes = line.length + 1;
    if (this.#isClosed || this.#waitingBytes + bytes > this.#maxWaitingBytes) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += bytes;
    this.#draining ??= this.#drain();
    if (this.#waitingBytes >= Math.min(ENOUGH_BYTES, this.#maxWaitingBytes / 2)) this.#pause.end();
  }

  /** Settles when all lines so far are written or dropped. */
  async flush(): Promise<void> {
    await this.#pause.hurry(async () => {
      await this.#draining;
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
    await this.#file?.close().catch(() => undefined);
    this.#file = null;
    await this.#archiving;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#pause.wait();
      const lines = this.#waiting;
      this.#waiting = [];
      const before = this.#written;
      try {
        await this.#write(lines);
      } catch (error) {
        this.#dropped += lines.length - (this.#written - before);
        this.#failure = error as Error;
        await this.#file?.close().catch(() => undefined);
        this.#file = null;
      }
      this.#waitingBytes = this.#waiting.reduce((sum, line) => sum + line.length + 1, 0);
    }
    this.#draining = null;
  }

  /** What fits in the file, then the rest in others. A line that is longer than a file has its own. */
  async #write(lines: readonly string[]): Promise<void> {
    for (let from = 0; from < lines.length;) {
      this.#file ??= await this.#open();
      let [to, bytes] = [from, this.#bytes];
      for (; to < lines.length; to++) {
        const more = Buffer.byteLength(lines[to] ?? '') + 1;
        if (bytes > 0 && bytes + more > this.#maxBytes) break;
        bytes += more;
      }
      if (to === from) {
        await this.#rotate();
        continue;
      }
      await this.#file.appendFile(`${lines.slice(from, to).join('\n')}\n`);
      this.#bytes = bytes;
      this.#written += to - from;
      from = to;
    }
  }

  async #open(): Promise<FileHandle> {
    await mkdir(dirname(this.path), { recursive: true });
    if (this.#archive && !this.#isTidy) await removeParts(this.path);
    this.#isTidy = true;
    const file = await open(this.path, 'a+', 0o640);
    try {
      this.#bytes = (await file.stat()).size;
      // A process that was killed, or a full disk, may have left a line without its end.
      const last = Buffer.alloc(1);
      const { bytesRead } = await file.read(last, 0, 1, Math.max(0, this.#bytes - 1));
      if (bytesRead === 1 && last.toString() !== '\n') {
        await file.appendFile('\n');
        this.#bytes++;
      }
    } catch (error) {
      await file.close();
      throw error;
    }
    return file;
  }

  /** One after the other, and nobody waits for it but who closes the log. */
  #archiveLater(file: string): void {
    const archive = this.#archive;
    if (archive === undefined) return;
    const archived = file.slice(0, -extname(file).length) + ARCHIVED;
    this.#archiving = this.#archiving
      .then(() => archive(file, archived))
      .catch((error: unknown) => {
        // It stays as it is.
        this.#failure = error as Error;
      });
  }

  async #rotate(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
    const renamed = rotatedName(this.path, new Date(), this.#rotations++);
    await rename(this.path, renamed);
    this.#archiveLater(renamed);
    const files = await rotatedFiles(this.path);
    for (const old of files.slice(0, Math.max(0, files.length - this.#maxFiles))) {
      // What somebody else has removed, or does not let go, costs no line.
      await unlink(old).catch(() => undefined);
    }
  }
}

/** What {@link rotatedName} puts between the name and the extension. */
const ROTATION = /^\d{8}T\d{6}\.\d{3}Z-\d+$/;

/** The renamed files of a log, the oldest first; no other file, whatever its name begins with. */
async function rotatedFiles(path: string): Promise<string[]> {
  const extension = extname(path);
  const prefix = `${basename(path, extension)}-`;
  const names = await readdir(dirname(path)).catch((error: unknown) => {
    throw new OnliteError('ERR_INVALID_ARGUMENT', `${dirname(path)}: cannot be read`, {
      cause: error,
    });
  });
  const middle = (name: string): string =>
    name.slice(prefix.length, name.length - extname(name).length);
  return names
    .filter((name) => name.startsWith(prefix) && [extension, ARCHIVED].includes(extname(name)))
    .filter((name) => ROTATION.test(middle(name)))
    .sort((a, b) => middle(a).localeCompare(middle(b), 'en', { numeric: true }))
    .map((name) => join(dirname(path), name));
}

/** A part that nobody has written to for so long, in milliseconds, is of a process that was killed. */
const ABANDONED_MS = 60_000;

/** Removes what was to become an archived file of a log, and never will. */
async function removeParts(path: string): Promise<void> {
  const prefix = `${basename(path, extname(path))}-`;
  const end = `${ARCHIVED}.part`;
  for (const name of await readdir(dirname(path)).catch(() => [])) {
    if (!name.startsWith(prefix) || !name.endsWith(end)) continue;
    if (!ROTATION.test(name.slice(prefix.length, -end.length))) continue;
    const part = join(dirname(path), name);
    const { mtimeMs } = await stat(part).catch(() => ({ mtimeMs: Infinity }));
    if (Date.now() - mtimeMs > ABANDONED_MS) await unlink(part).catch(() => undefined);
  }
}
