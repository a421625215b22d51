import { readFileSync } from 'node:fs';

/** What a system's loader reads of an addon for macOS or Windows. */
interface Binary {
  /** The libraries it is linked with. */
  libraries: string[];
  exports: string[];
}

interface MachO extends Binary {
  /** What it takes of libraries or of Node. */
  imports: string[];
  /** The oldest macOS that it is for, such as "11.0". */
  minimum: string;
  isSigned: boolean;
}

const textAt = (file: Buffer, at: number): string =>
  file.toString('latin1', at, file.indexOf(0, at));

const command = { symbols: 0x2, library: 0xc, buildVersion: 0x32, signature: 0x1d };

/** A 64-bit Mach-O file, as <mach-o/loader.h> and <mach-o/nlist.h> declare it. */
export function readMachO(path: string): MachO {
  const file = readFileSync(path);
  const found: MachO = { libraries: [], imports: [], exports: [], minimum: '', isSigned: false };
  let at = 32;
  for (let left = file.readUInt32LE(16); left > 0; left--) {
    const kind = file.readUInt32LE(at);
    if (kind === command.library) {
      found.libraries.push(textAt(file, at + file.readUInt32LE(at + 8)));
    } else if (kind === command.symbols) {
      readMachSymbols(file, at, found);
    } else if (kind === command.buildVersion) {
      const version = file.readUInt32LE(at + 12);
      found.minimum = `${version >> 16}.${(version >> 8) & 255}`;
    } else if (kind === command.signature) {
      found.isSigned = true;
    }
    at += file.readUInt32LE(at + 4);
  }
  return found;
}

function readMachSymbols(file: Buffer, at: number, { imports, exports }: MachO): void {
  const table = file.readUInt32LE(at + 8);
  const count = file.readUInt32LE(at + 12);
  const names = file.readUInt32LE(at + 16);
  const flags = { external: 0x01, kind: 0x0e, privateExternal: 0x10, debugging: 0xe0 };
  for (let index = 0; index < count; index++) {
    const entry = table + index * 16;
    const type = file.readUInt8(entry + 4);
    const isExternal = (type & flags.external) !== 0 && (type & flags.privateExternal) === 0;
    if (!isExternal || (type & flags.debugging) !== 0) continue;
    // Every C name begins with an underscore here.
    const name = textAt(file, names + file.readUInt32LE(entry)).replace(/^_/, '');
    ((type & flags.kind) === 0 ? imports : exports).push(name);
  }
}

/** A 64-bit PE file, after Microsoft's "PE Format". */
export function readPe(path: string): Binary {
  const file = readFileSync(path);
  const header = file.readUInt32LE(60) + 4;
  const optional = header + 20;
  const sections = optional + file.readUInt16LE(header + 16);
  /** Where in the file an address of the loaded image is. */
  const offset = (address: number): number => {
    for (let index = 0; index < file.readUInt16LE(header + 2); index++) {
      const section = sections + index * 40;
      const size = file.readUInt32LE(section + 8);
      const start = file.readUInt32LE(section + 12);
      const data = file.readUInt32LE(section + 20);
      if (address >= start && address < start + size) return address - start + data;
    }
    throw new RangeError(`no section has the address ${address}`);
  };
  const directory = (index: number): number => file.readUInt32LE(optional + 112 + index * 8);

  const exportTable = offset(directory(0));
  const exportNames = offset(file.readUInt32LE(exportTable + 32));
  const exports = Array.from({ length: file.readUInt32LE(exportTable + 24) }, (_, index) =>
    textAt(file, offset(file.readUInt32LE(exportNames + index * 4))),
  );

  const libraries: string[] = [];
  for (let entry = offset(directory(1)); file.readUInt32LE(entry + 12) !== 0; entry += 20) {
    libraries.push(textAt(file, offset(file.readUInt32LE(entry + 12))));
  }
  return { libraries, exports };
}
