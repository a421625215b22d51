import { createReadStream, statSync } from 'node:fs';
import { createGunzip } from 'node:zlib';

import { ArchiveError } from './errors.mjs';
import { DEFAULT_LIMITS } from './limits.mjs';
import { safeEntryPath } from './safe-path.mjs';

// POSIX.1-2001 (pax) layout: a 512-byte header, then the content padded to 512 bytes.
const BLOCK = 512;
const MAX_EXTENSION_BYTES = 64 * 1024;

/**
 * Reads the files named in `wanted` from a gzip-compressed tar archive (what npm packs).
 *
 * The archive is read as a stream and only wanted files are held in memory. All of it is refused
 * when any entry in it, wanted or not, has an unsafe path or is a link, a device or of an unknown
 * type, when it is damaged, cut short, or exceeds `limits`.
 *
 * @param {string} file path of the archive
 * @param {Iterable<string>} wanted entry names
 * @returns {Promise<Map<string, Buffer>>} contents by entry name
 */
export async function readTarGz(file, wanted, limits = DEFAULT_LIMITS) {
  if (statSync(file).size > limits.archiveBytes) {
    throw new ArchiveError(`archive is larger than ${limits.archiveBytes} bytes`);
  }
  const source = createReadStream(file, { highWaterMark: 1 << 20 });
  const gunzip = createGunzip({ chunkSize: 1 << 20 });
  source.on('error', (error) => gunzip.destroy(error));
  const parser = new TarParser(new Set(wanted), limits);
  try {
    for await (const chunk of source.pipe(gunzip)) parser.push(chunk);
  } catch (error) {
    if (error instanceof ArchiveError || !String(error.code).startsWith('Z_')) throw error;
    throw new ArchiveError(`not a gzip archive, or damaged: ${error.message}`);
  } finally {
    source.destroy();
    gunzip.destroy();
  }
  return parser.finish();
}

/** Push parser; holds at most one incomplete header block and the wanted contents. */
class TarParser {
  #contents = new Map();
  #seen = new Set();
  #pending = Buffer.alloc(0);
  #entry = null;
  #remaining = 0;
  #padding = 0;
  #total = 0;
  #entries = 0;
  #ended = false;
  #override = {};

  constructor(wanted, limits) {
    this.wanted = wanted;
    this.limits = limits;
  }

  push(chunk) {
    this.#total += chunk.length;
    if (this.#total > this.limits.totalBytes) throw new ArchiveError('tar unpacks to too much');
    let rest = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (rest.length > 0 && !this.#ended) {
      const left = this.#remaining + this.#padding;
      if (left > 0) {
        const taken = rest.subarray(0, left);
        this.#takeContent(taken);
        rest = rest.subarray(taken.length);
        continue;
      }
      if (rest.length < BLOCK) break;
      this.#takeHeader(rest.subarray(0, BLOCK));
      rest = rest.subarray(BLOCK);
    }
    this.#pending = this.#ended ? Buffer.alloc(0) : Buffer.from(rest);
  }

  finish() {
    if (!this.#ended || this.#remaining > 0) throw new ArchiveError('tar archive is cut short');
    return this.#contents;
  }

  #takeContent(bytes) {
    const content = bytes.subarray(0, Math.min(bytes.length, this.#remaining));
    if (this.#entry?.chunks && content.length > 0) this.#entry.chunks.push(Buffer.from(content));
    this.#remaining -= content.length;
    this.#padding -= bytes.length - content.length;
    if (this.#remaining === 0 && this.#padding === 0) this.#closeEntry();
  }

  #takeHeader(block) {
    if (block.every((byte) => byte === 0)) {
      this.#ended = true;
      return;
    }
    checkHeader(block);
    if (++this.#entries > this.limits.entries) {
      throw new ArchiveError(`tar has more than ${this.limits.entries} entries`);
    }
    const type = String.fromCharCode(block[156] || 0x30);
    const size = type === '5' ? 0 : (this.#override.size ?? readOctal(block, 124, 12));
    const extension = type === 'x' || type === 'g' || type === 'L';
    if (extension ? size > MAX_EXTENSION_BYTES : size > this.limits.entryBytes) {
      throw new ArchiveError(`tar entry of ${size} bytes is too large`);
    }
    if (extension) {
      this.#entry = { type, chunks: [] };
    } else {
      const name = this.#override.path ?? headerName(block);
      this.#entry = this.#openEntry(type, name);
      this.#override = {};
    }
    this.#remaining = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
    if (size === 0) this.#closeEntry();
  }

  #openEntry(type, name) {
    const path = safeEntryPath(name);
    if (type !== '0' && type !== '5') {
      throw new ArchiveError(`${name} is a link or a special file (tar type ${type})`);
    }
    if (type === '5') return { type, chunks: null };
    if (this.#seen.has(path)) throw new ArchiveError(`tar has ${path} twice`);
    this.#seen.add(path);
    return { type, name, chunks: this.wanted.has(name) ? [] : null };
  }

  #closeEntry() {
    const entry = this.#entry;
    this.#entry = null;
    if (!entry?.chunks) return;
    const content = Buffer.concat(entry.chunks);
    if (entry.type === 'x') Object.assign(this.#override, readPax(content));
    else if (entry.type === 'g') refuseGlobalOverride(readPax(content));
    else if (entry.type === 'L') this.#override.path = content.toString('utf8').replace(/\0$/, '');
    else this.#contents.set(entry.name, content);
  }
}

function checkHeader(block) {
  let sum = 0;
  for (let index = 0; index < BLOCK; index++) {
    sum += index >= 148 && index < 156 ? 0x20 : block[index];
  }
  if (sum !== readOctal(block, 148, 8)) throw new ArchiveError('tar header checksum is wrong');
}

function headerName(block) {
  const name = readText(block, 0, 100);
  const ustar = block.toString('latin1', 257, 262) === 'ustar' && block[262] === 0;
  const prefix = ustar ? readText(block, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function readText(block, start, length) {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? length : end);
}

function readOctal(block, start, length) {
  const text = readText(block, start, length).trim();
  if (!/^[0-7]+$/.test(text)) throw new ArchiveError('tar header has a number that is not octal');
  return Number.parseInt(text, 8);
}

/** pax records are `<length> <key>=<value>\n`, the length counting the whole record in bytes. */
function readPax(content) {
  const result = {};
  let offset = 0;
  while (offset < content.length) {
    const space = content.indexOf(0x20, offset);
    const length = space === -1 ? NaN : Number(content.toString('latin1', offset, space));
    const end = offset + length;
    if (!Number.isInteger(length) || length < 5 || end > content.length || end <= space + 1) {
      throw new ArchiveError('tar has a damaged pax header');
    }
    const record = content.toString('utf8', space + 1, end - 1);
    const equals = record.indexOf('=');
    const key = record.slice(0, equals);
    const value = record.slice(equals + 1);
    if (key === 'path') result.path = value;
    if (key === 'linkpath') throw new ArchiveError('tar has a link');
    if (key === 'size') {
      if (!/^[0-9]{1,15}$/.test(value)) throw new ArchiveError('tar has a damaged pax size');
      result.size = Number(value);
    }
    offset = end;
  }
  return result;
}

function refuseGlobalOverride(values) {
  if (Object.keys(values).length > 0) throw new ArchiveError('tar overrides paths globally');
}
