import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Node's names of processors, by the numbers of ELF, PE and Mach-O. */
const elfMachines: Record<number, string> = {
  0x03: 'ia32',
  0x28: 'arm',
  0x3e: 'x64',
  0xb7: 'arm64',
};
const peMachines: Record<number, string> = { 0x14c: 'ia32', 0x8664: 'x64', 0xaa64: 'arm64' };
const machMachines: Record<number, string> = { 0x1000007: 'x64', 0x100000c: 'arm64' };

const systemNames: Record<string, string> = { ELF: 'Linux', darwin: 'macOS', win32: 'Windows' };

/** Headers and the list of segments of any addon are in here. */
const headBytes = 4096;

/** What a file is by its first bytes. */
interface Binary {
  /** Node's name of the system, without that of ELF, which several share. */
  readonly platform: string;
  /** Node's names of the processors that it is for. */
  readonly archs: readonly string[];
  /** How long the file must be for the system to map it. */
  readonly bytes: number;
}

/**
 * Why the system cannot load an addon's file, as far as its header tells. To be asked before it is
 * loaded: a Linux process dies of a file that has been cut short.
 *
 * @returns undefined if nothing speaks against it; else what native/runtimes/library_file.cc says
 *   of the runtimes' libraries, too.
 * @throws what the file system says if it cannot be read.
 */
export function whyNotLoadable(file: string): string | undefined {
  const { head, size } = readHead(file);
  const binary = readElf(head) ?? readPe(head) ?? readMach(head);
  if (binary === undefined) return 'it is no shared library';
  const { platform, archs, bytes } = binary;
  const system =
    process.platform === 'darwin' || process.platform === 'win32' ? process.platform : 'ELF';
  if (platform !== system) return `it is a library for ${systemNames[platform] ?? platform}`;
  if (!archs.includes(process.arch)) {
    return `it is for ${archs.join(' and ')}, and this process is ${process.arch}`;
  }
  if (size < bytes) return `it is cut off: its headers name ${bytes} bytes, it has ${size}`;
  return undefined;
}

/**
 * The program that starts a Linux program, which is its C library's; undefined if there is none.
 *
 * @throws what the file system says if it cannot be read.
 */
export function interpreterOf(file: string): string | undefined {
  const { head } = readHead(file);
  const segment = segmentsOf(head).find(({ type }) => type === interpreterSegment);
  if (segment === undefined || segment.end > headBytes) return undefined;
  return Buffer.from(head.buffer, segment.offset, segment.end - segment.offset - 1).toString();
}

function readHead(file: string): { head: DataView; size: number } {
  const descriptor = openSync(file, 'r');
  try {
    const bytes = new Uint8Array(headBytes);
    readSync(descriptor, bytes);
    return { head: new DataView(bytes.buffer), size: fstatSync(descriptor).size };
  } finally {
    closeSync(descriptor);
  }
}

/** See elf(5). All that Node runs on is little-endian, with 64 bits. */
function readElf(head: DataView): Binary | undefined {
  if (head.getUint32(0) !== 0x7f454c46) return undefined;
  const arch = elfMachines[head.getUint16(18, true)] ?? 'another processor';
  const bytes = Math.max(...segmentsOf(head).map(({ end }) => end), headerBytes);
  return { platform: 'ELF', archs: [arch], bytes };
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly end: number;
}

const headerBytes = 64;
const interpreterSegment = 3;

/** What an ELF file's program header says is to be mapped; of another file nothing. */
function segmentsOf(head: DataView): Segment[] {
  if (head.getUint32(0) !== 0x7f454c46) return [];
  const segments: Segment[] = [];
  const entryBytes = Math.max(head.getUint16(54, true), 56);
  let at = Number(head.getBigUint64(32, true));
  for (let left = head.getUint16(56, true); left > 0 && at + 56 <= headBytes; left--) {
    const offset = Number(head.getBigUint64(at + 8, true));
    const end = offset + Number(head.getBigUint64(at + 32, true));
    segments.push({ type: head.getUint32(at, true), offset, end });
    at += entryBytes;
  }
  return segments;
}

function readPe(head: DataView): Binary | undefined {
  if (head.getUint16(0) !== 0x4d5a) return undefined;
  const at = Math.min(head.getUint32(60, true), headBytes - 8);
  if (head.getUint32(at) !== 0x50450000) return undefined;
  return {
    platform: 'win32',
    archs: [peMachines[head.getUint16(at + 4, true)] ?? 'another processor'],
    bytes: 0,
  };
}

/** A library for one processor, or several in one file. */
function readMach(head: DataView): Binary | undefined {
  const isFat = head.getUint32(0) === 0xcafebabe;
  if (!isFat && head.getUint32(0, true) !== 0xfeedfacf) return undefined;
  const machines = isFat
    ? Array.from({ length: Math.min(head.getUint32(4), 8) }, (_, index) =>
        head.getUint32(8 + 20 * index),
      )
    : [head.getUint32(4, true)];
  const archs = machines.map((machine) => machMachines[machine] ?? 'another processor');
  return { platform: 'darwin', archs, bytes: 0 };
}
