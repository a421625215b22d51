import { closeSync, fdatasyncSync, fstatSync, openSync, statSync, writeSync } from 'node:fs';

import type { AuditEntry } from './audit';

/**
 * Lines of JSON at the end of a file, each on the disk before the call that it is about is answered. A file
 * that was moved away is left, and another one begun in its place: with the next line, or at once by `reopen`.
 */
export class AuditFile {
  readonly #file: string;
  #descriptor: number;

  /** @throws Error if it cannot be written */
  constructor(file: string) {
    this.#file = file;
    this.#descriptor = open(file);
  }

  /** @throws Error if it cannot be written */
  write(entry: AuditEntry): void {
    if (this.#isMoved()) this.reopen();
    const line = Buffer.from(`${JSON.stringify(entry)}\n`);
    for (let at = 0; at < line.length;) at += writeSync(this.#descriptor, line, at);
    fdatasyncSync(this.#descriptor);
  }

  /** Goes on in the file that has the name now. @throws Error if it cannot be written; the old one is kept then */
  reopen(): void {
    const before = this.#descriptor;
    this.#descriptor = open(this.#file);
    closeSync(before);
  }

  #isMoved(): boolean {
    const named = statSync(this.#file, { throwIfNoEntry: false });
    const own = fstatSync(this.#descriptor);
    return named?.ino !== own.ino || named.dev !== own.dev;
  }
}

/** Whoever may read it learns who may do what. */
const open = (file: string): number => openSync(file, 'a', 0o600);
