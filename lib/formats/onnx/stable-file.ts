import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

import { OnliteError } from '../../errors';
import { unreadable } from '../../files';
import { isError } from '../../realms';
import type { TensorSource } from './source';

/** Enough that calls of the system cost nothing beside the copying. */
const CHUNK_BYTES = 1 << 20;

/** To open a pipe must not wait for who writes to it; Windows has no such flag. */
const OPEN_FLAGS = constants.O_RDONLY | ((constants.O_NONBLOCK as number | undefined) ?? 0);

interface FileState {
  readonly size: bigint;
  readonly mtimeNs: bigint;
}

/**
 * A file that is read in pieces for as long as it is open, and must stay what it was when it was
 * opened: one that was changed meanwhile is refused, so that no read ever mixes two states. To be
 * replaced by a new file of its name does it no harm.
 */
export class StableFile {
  readonly byteLength: number;
  private readonly state: FileState;
  private descriptor: number | undefined;

  /** @throws OnliteError ERR_MODEL_NOT_FOUND or ERR_MODEL_UNREADABLE */
  constructor(readonly path: string) {
    const descriptor = this.attempt(() => openSync(path, OPEN_FLAGS));
    try {
      const status = this.attempt(() => fstatSync(descriptor, { bigint: true }));
      if (!status.isFile()) throw new OnliteError('ERR_MODEL_NOT_FOUND', `'${path}' is no file`);
      this.state = status;
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
    this.descriptor = descriptor;
    this.byteLength = Number(this.state.size);
  }

  /**
   * Fills `target` with the bytes from `position` on.
   *
   * @throws OnliteError ERR_MODEL_UNREADABLE when the file was changed, cut or closed
   */
  read(target: Uint8Array, position: number): void {
    const { descriptor } = this;
    if (descriptor === undefined) throw this.error('it was closed');
    this.attempt(() => {
      for (let done = 0; done < target.byteLength;) {
        const count = readSync(descriptor, target, {
          offset: done,
          position: position + done,
        });
        if (count === 0) throw new Error('it was cut while it was being read');
        done += count;
      }
    });
    const { size, mtimeNs } = this.attempt(() => fstatSync(descriptor, { bigint: true }));
    if (size !== this.state.size || mtimeNs !== this.state.mtimeNs) {
      throw this.error('it was changed while it was being read');
    }
  }

  /** A range of the file, which can be read until it is closed. */
  source(position: number, byteLength: number): TensorSource {
    return new FileRange(this, position, byteLength);
  }

  close(): void {
    if (this.descriptor === undefined) return;
    closeSync(this.descriptor);
    this.descriptor = undefined;
  }

  private attempt<T>(operation: () => T): T {
    try {
      return operation();
    } catch (cause) {
      const reason = isError(cause) ? cause.message : String(cause);
      throw unreadable(`cannot read '${this.path}': ${reason}`, cause);
    }
  }

  private error(reason: string): OnliteError {
    return new OnliteError('ERR_MODEL_UNREADABLE', `cannot read '${this.path}': ${reason}`);
  }
}

class FileRange implements TensorSource {
  constructor(
    private readonly file: StableFile,
    private readonly position: number,
    readonly byteLength: number,
  ) {}

  *chunks(): Iterable<Uint8Array> {
    for (let done = 0; done < this.byteLength; done += CHUNK_BYTES) {
      // A new one each time: whoever writes it may not be done when it asks for the next.
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, this.byteLength - done));
      this.file.read(chunk, this.position + done);
      yield chunk;
    }
  }
}
