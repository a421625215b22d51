import { readFileSync, statSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';

import { crc32 } from './crc32.mjs';
import { ArchiveError } from './errors.mjs';
import { DEFAULT_LIMITS } from './limits.mjs';
import { safeEntryPath } from './safe-path.mjs';

// Layouts: APPNOTE.TXT 6.3, sections 4.3.7 (local), 4.3.12 (central), 4.3.16 (end of directory).
const LOCAL_SIGNATURE = 0x04034b50;
const CENTRAL_SIGNATURE = 0x02014b50;
const END_SIGNATURE = 0x06054b50;
const LOCAL_SIZE = 30;
const CENTRAL_SIZE = 46;
const END_SIZE = 22;
const STORED = 0;
const DEFLATED = 8;
const FLAG_ENCRYPTED = 0x1;
const HOST_UNIX = 3;
const MODE_TYPE = 0o170000;
const MODE_FILE = 0o100000;
const MODE_DIRECTORY = 0o040000;

/**
 * Reads the files named in `wanted` from a zip archive (a wheel is one).
 *
 * The whole archive is refused when any entry in it, wanted or not, has an unsafe path, is a link
 * or a device, is encrypted, or overlaps another; and when a wanted entry fails its CRC.
 *
 * @param {string} file path of the archive
 * @param {Iterable<string>} wanted entry names
 * @returns {Map<string, Buffer>} contents by entry name; a name that is not there is missing
 */
export function readZip(file, wanted, limits = DEFAULT_LIMITS) {
  if (statSync(file).size > limits.archiveBytes) {
    throw new ArchiveError(`archive is larger than ${limits.archiveBytes} bytes`);
  }
  const bytes = readFileSync(file);
  const entries = readDirectory(bytes, limits);
  const names = new Set(wanted);
  const contents = new Map();
  for (const entry of entries) {
    if (names.has(entry.name)) contents.set(entry.name, readEntry(bytes, entry));
  }
  return contents;
}

function readDirectory(bytes, limits) {
  const end = findEnd(bytes);
  const count = bytes.readUInt16LE(end + 10);
  const size = bytes.readUInt32LE(end + 12);
  const start = bytes.readUInt32LE(end + 16);
  if (bytes.readUInt16LE(end + 4) !== 0 || bytes.readUInt16LE(end + 8) !== count) {
    throw new ArchiveError('zip spans several disks');
  }
  if (count === 0xffff || start === 0xffffffff) throw new ArchiveError('zip64 is not supported');
  if (count > limits.entries) throw new ArchiveError(`zip has more than ${limits.entries} entries`);
  if (start + size !== end) throw new ArchiveError('zip directory is not where its end says');

  const entries = [];
  const seen = new Set();
  let total = 0;
  let offset = start;
  for (let index = 0; index < count; index++) {
    const entry = readCentralHeader(bytes, offset, end);
    offset = entry.next;
    if (seen.has(entry.path)) throw new ArchiveError(`zip has ${entry.path} twice`);
    seen.add(entry.path);
    if (entry.size > limits.entryBytes) throw new ArchiveError(`${entry.name} is too large`);
    total += entry.size;
    if (total > limits.totalBytes) throw new ArchiveError('zip unpacks to too much');
    locateData(bytes, entry, start);
    entries.push(entry);
  }
  if (offset !== end) throw new ArchiveError('zip directory has trailing bytes');
  refuseOverlaps(entries);
  return entries;
}

function findEnd(bytes) {
  const lowest = Math.max(0, bytes.length - END_SIZE - 0xffff);
  for (let offset = bytes.length - END_SIZE; offset >= lowest; offset--) {
    if (bytes.readUInt32LE(offset) !== END_SIGNATURE) continue;
    if (offset + END_SIZE + bytes.readUInt16LE(offset + 20) === bytes.length) return offset;
  }
  throw new ArchiveError('not a zip archive, or cut short');
}

function readCentralHeader(bytes, offset, end) {
  if (offset + CENTRAL_SIZE > end || bytes.readUInt32LE(offset) !== CENTRAL_SIGNATURE) {
    throw new ArchiveError('zip directory is damaged');
  }
  const nameLength = bytes.readUInt16LE(offset + 28);
  const nameEnd = offset + CENTRAL_SIZE + nameLength;
  const next = nameEnd + bytes.readUInt16LE(offset + 30) + bytes.readUInt16LE(offset + 32);
  if (next > end) throw new ArchiveError('zip directory is damaged');
  const name = decodeName(bytes.subarray(offset + CENTRAL_SIZE, nameEnd));
  const path = safeEntryPath(name);
  if (bytes.readUInt16LE(offset + 8) & FLAG_ENCRYPTED) {
    throw new ArchiveError(`${name} is encrypted`);
  }
  const type = (bytes.readUInt32LE(offset + 38) >>> 16) & MODE_TYPE;
  const plain = type === 0 || type === (name.endsWith('/') ? MODE_DIRECTORY : MODE_FILE);
  if (bytes[offset + 5] === HOST_UNIX && !plain) {
    throw new ArchiveError(`${name} is a link or a special file`);
  }
  return {
    name,
    path,
    method: bytes.readUInt16LE(offset + 10),
    crc: bytes.readUInt32LE(offset + 16),
    compressedSize: bytes.readUInt32LE(offset + 20),
    size: bytes.readUInt32LE(offset + 24),
    local: bytes.readUInt32LE(offset + 42),
    next,
    dataStart: 0,
    dataEnd: 0,
  };
}

function decodeName(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ArchiveError('zip entry name is not UTF-8');
  }
}

/** Fills in where the entry's data lies; its local header must agree on the name. */
function locateData(bytes, entry, directoryStart) {
  const { local, name } = entry;
  if (local + LOCAL_SIZE > directoryStart || bytes.readUInt32LE(local) !== LOCAL_SIGNATURE) {
    throw new ArchiveError(`${name}: no local header where the directory says`);
  }
  const nameEnd = local + LOCAL_SIZE + bytes.readUInt16LE(local + 26);
  entry.dataStart = nameEnd + bytes.readUInt16LE(local + 28);
  entry.dataEnd = entry.dataStart + entry.compressedSize;
  if (entry.dataEnd > directoryStart) throw new ArchiveError(`${name}: data is cut short`);
  if (decodeName(bytes.subarray(local + LOCAL_SIZE, nameEnd)) !== name) {
    throw new ArchiveError(`${name}: local header has another name`);
  }
}

function refuseOverlaps(entries) {
  const ordered = [...entries].sort((a, b) => a.local - b.local);
  for (let index = 1; index < ordered.length; index++) {
    if (ordered[index].local < ordered[index - 1].dataEnd) {
      throw new ArchiveError(`${ordered[index].name} overlaps another entry`);
    }
  }
}

function readEntry(bytes, entry) {
  const data = bytes.subarray(entry.dataStart, entry.dataEnd);
  let content;
  if (entry.method === STORED) {
    content = data;
  } else if (entry.method === DEFLATED) {
    try {
      content = inflateRawSync(data, { maxOutputLength: Math.max(1, entry.size) });
    } catch (error) {
      throw new ArchiveError(`${entry.name}: ${error.message}`);
    }
  } else {
    throw new ArchiveError(`${entry.name}: compression method ${entry.method}`);
  }
  if (content.length !== entry.size) throw new ArchiveError(`${entry.name}: size does not match`);
  if (crc32(content) !== entry.crc) throw new ArchiveError(`${entry.name}: CRC does not match`);
  return content;
}
