import { join } from 'node:path';

import { readJsonOrNull, sha256File, statOrNull, writeFileAtomic } from './files.mjs';

/**
 * What is known about files that were verified before: size and modification time stand for the
 * checksum, so that looking at all of them takes milliseconds. `verify` ignores that knowledge.
 */
export class Stamp {
  #file;
  #known;
  #skipped;
  #changed;

  constructor(file, { verify = false, refresh = false } = {}) {
    const saved = readJsonOrNull(file);
    this.#file = file;
    this.#known = (verify ? null : saved?.files) ?? {};
    this.#skipped = (refresh ? null : saved?.skipped) ?? [];
    this.#changed = verify || refresh;
  }

  /** Whether an optional set was found to be unavailable here before. */
  isSkipped(set) {
    return this.#skipped.includes(set.name);
  }

  skip(set) {
    this.#skipped.push(set.name);
    this.#changed = true;
  }

  /** Whether the file of a manifest entry is there with the right content. */
  matches(root, entry) {
    const stat = statOrNull(join(root, entry.to));
    if (stat === null || stat.size !== entry.bytes) return false;
    const known = this.#known[entry.to];
    if (known?.sha256 === entry.sha256 && known.mtimeMs === stat.mtimeMs) return true;
    if (sha256File(join(root, entry.to)) !== entry.sha256) return false;
    this.record(entry, stat);
    return true;
  }

  /** Notes a file that was just verified or written. */
  record(entry, stat) {
    this.#known[entry.to] = { sha256: entry.sha256, mtimeMs: stat.mtimeMs };
    this.#changed = true;
  }

  save() {
    if (!this.#changed) return;
    const content = { files: this.#known, skipped: this.#skipped };
    writeFileAtomic(this.#file, `${JSON.stringify(content, null, 1)}\n`);
    this.#changed = false;
  }
}
