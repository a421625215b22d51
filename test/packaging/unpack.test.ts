import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { crc32 as zlibCrc32, deflateRawSync, gzipSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPTS = new URL('../../scripts/', import.meta.url);
const load = (name: string) => import(new URL(`lib/${name}`, SCRIPTS).href);
const { readZip } = await load('zip.mjs');
const { readTarGz } = await load('tar.mjs');
const { crc32, crc32Table } = await load('crc32.mjs');
const { safeEntryPath } = await load('safe-path.mjs');

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'onlite-unpack-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface ZipEntry {
  name: string;
  content?: Buffer;
  mode?: number;
  flags?: number;
  method?: number;
  crc?: number;
  size?: number;
  localName?: string;
}

function makeZip(entries: ZipEntry[]): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const content = entry.content ?? Buffer.from('content');
    const method = entry.method ?? 8;
    const data = method === 8 ? deflateRawSync(content) : content;
    const name = Buffer.from(entry.name);
    const localName = Buffer.from(entry.localName ?? entry.name);
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(entry.flags ?? 0, 2);
    shared.writeUInt16LE(method, 4);
    shared.writeUInt32LE(entry.crc ?? crc32Table(content), 10);
    shared.writeUInt32LE(data.length, 14);
    shared.writeUInt32LE(entry.size ?? content.length, 18);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), shared, localName, data]);
    local.writeUInt16LE(localName.length, 26);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 6);
    tail.writeUInt32LE(offset, 10);
    shared.writeUInt16LE(name.length, 22);
    const made = Buffer.from([20, 3]);
    centrals.push(Buffer.concat([Buffer.from('PK\x01\x02', 'latin1'), made, shared, tail, name]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

interface TarEntry {
  name: string;
  content?: Buffer;
  type?: string;
  link?: string;
  size?: string;
}

function tarHeader({ name, content, type, link, size }: TarEntry): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write('0000644\0', 100);
  header.write(size ?? (content?.length ?? 0).toString(8).padStart(11, '0'), 124);
  header.write('        ', 148);
  header.write(type ?? '0', 156);
  header.write(link ?? '', 157);
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

function makeTar(entries: TarEntry[]): Buffer {
  const parts: Buffer[] = [];
  for (const entry of entries) {
    const content = entry.content ?? Buffer.alloc(0);
    parts.push(tarHeader(entry), content, Buffer.alloc((512 - (content.length % 512)) % 512));
  }
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function paxRecord(key: string, value: string): Buffer {
  const body = ` ${key}=${value}\n`;
  let length = body.length + 1;
  while (`${String(length)}${body}`.length !== length) length++;
  return Buffer.from(`${String(length)}${body}`);
}

const hello = Buffer.from('hello, library');
const zipOf = (...entries: ZipEntry[]) =>
  makeZip([{ name: 'pkg/good', content: hello }, ...entries]);
const tarOf = (...entries: TarEntry[]) =>
  makeTar([{ name: 'package/good', content: hello }, ...entries]);

function write(name: string, bytes: Buffer): string {
  const file = join(folder, name);
  writeFileSync(file, bytes);
  return file;
}

const UNSAFE_PATHS = [
  '../evil',
  'package/../../evil',
  '/etc/evil',
  'C:/evil',
  'C:evil',
  'package\\..\\evil',
  'package/./evil',
  'package//evil',
  'package/evil.',
  'package/evil ',
  'package/NUL',
  'package/com1.txt',
  'package/stream:evil',
  'package/new\nline',
];

describe('safeEntryPath', () => {
  it.each([...UNSAFE_PATHS, '', '.', '..', './', 'a\0b', 'x'.repeat(1025)])(
    'refuses %j',
    (path) => {
      expect(() => safeEntryPath(path)).toThrow(/unsafe path/);
    },
  );

  it('keeps plain relative paths', () => {
    expect(safeEntryPath('package/bin/linux/x64/lib.so.1')).toBe('package/bin/linux/x64/lib.so.1');
    expect(safeEntryPath('./package/dir/')).toBe('package/dir');
  });
});

describe('crc32', () => {
  it('gives the check value of the standard, by table as well', () => {
    expect(crc32Table(Buffer.from('123456789'))).toBe(0xcbf43926);
    expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- Node before 20.15
    if (zlibCrc32) expect(crc32Table(hello)).toBe(zlibCrc32(hello));
  });
});

describe('zip', () => {
  const read = (bytes: Buffer) => readZip(write('a.whl', bytes), ['pkg/good']);

  it('reads deflated and stored entries that are wanted, and no others', () => {
    const file = write(
      'a.whl',
      zipOf(
        { name: 'dir/', mode: 0o040755, content: Buffer.alloc(0), method: 0 },
        { name: 'b', method: 0 },
      ),
    );
    const contents = readZip(file, ['pkg/good', 'b', 'absent']) as Map<string, Buffer>;
    expect([...contents.keys()]).toEqual(['pkg/good', 'b']);
    expect(contents.get('pkg/good')).toEqual(hello);
    expect(contents.get('b')?.toString()).toBe('content');
  });

  it.each(UNSAFE_PATHS)('refuses an archive that has %j anywhere', (name) => {
    expect(() => read(zipOf({ name }))).toThrow(/unsafe path/);
  });

  it.each<[string, ZipEntry, RegExp]>([
    ['a symbolic link', { name: 'l', mode: 0o120777 }, /link or a special file/],
    ['a device', { name: 'd', mode: 0o060666 }, /link or a special file/],
    ['an encrypted entry', { name: 'e', flags: 1 }, /encrypted/],
    ['a name twice', { name: 'pkg/good' }, /twice/],
    ['another name in the local header', { name: 'ab', localName: '/b' }, /another name/],
    ['an entry that claims too much', { name: 'big', size: 0x7fffffff }, /too large/],
  ])('refuses %s', (_, entry, message) => {
    expect(() => read(zipOf(entry))).toThrow(message);
  });

  it.each<[string, Partial<ZipEntry>, RegExp]>([
    ['a wrong CRC', { crc: 1 }, /CRC/],
    ['a size that is too small (a bomb)', { size: 3 }, /larger than|size|length/i],
    ['a size that is too large', { size: 4000 }, /size does not match/],
    ['an unknown compression method', { method: 12 }, /compression method 12/],
  ])('refuses a wanted entry with %s', (_, entry, message) => {
    expect(() => read(makeZip([{ name: 'pkg/good', content: hello, ...entry }]))).toThrow(message);
  });

  it('refuses entries that share data', () => {
    const bytes = zipOf({ name: 'pkg/gooe', content: hello });
    // Both directory records now point at the first local header; its name gives the second away.
    const second = bytes.lastIndexOf(Buffer.from('PK\x01\x02', 'latin1'));
    bytes.writeUInt32LE(0, second + 42);
    expect(() => read(bytes)).toThrow(/another name|overlaps/);
  });

  it('refuses every truncation and never returns damaged content', () => {
    const bytes = zipOf({ name: 'pkg/more' });
    for (let length = 0; length < bytes.length; length++) {
      expect(() => read(bytes.subarray(0, length)), String(length)).toThrow(/zip/);
    }
    for (let index = 0; index < bytes.length; index++) {
      const damaged = Buffer.from(bytes);
      damaged[index] = damaged[index]! ^ 0x55;
      try {
        const content = (read(damaged) as Map<string, Buffer>).get('pkg/good');
        if (content) expect(content, `byte ${String(index)}`).toEqual(hello);
      } catch (error) {
        expect((error as Error).name, `byte ${String(index)}`).toBe('ArchiveError');
      }
    }
  });
});

describe('tar.gz', () => {
  const read = (bytes: Buffer) =>
    readTarGz(write('a.tgz', gzipSync(bytes)), ['package/good']) as Promise<Map<string, Buffer>>;

  it('reads wanted entries, after directories and with pax paths', async () => {
    const long = `package/${'deep/'.repeat(30)}file`;
    const file = write(
      'a.tgz',
      gzipSync(
        tarOf(
          { name: 'package/dir/', type: '5' },
          { name: 'PaxHeader/x', type: 'x', content: paxRecord('path', long) },
          { name: 'short', content: Buffer.from('deep') },
          { name: 'package/other', content: Buffer.alloc(5000, 7) },
        ),
      ),
    );
    const contents = (await readTarGz(file, ['package/good', long])) as Map<string, Buffer>;
    expect(contents.get('package/good')).toEqual(hello);
    expect(contents.get(long)?.toString()).toBe('deep');
    expect(contents.size).toBe(2);
  });

  it.each(UNSAFE_PATHS)('refuses an archive that has %j anywhere', async (name) => {
    await expect(read(tarOf({ name }))).rejects.toThrow(/unsafe path/);
    const pax = { name: 'x', type: 'x', content: paxRecord('path', name) };
    await expect(read(tarOf(pax, { name: 'harmless' }))).rejects.toThrow(/unsafe path/);
    const gnu = { name: '././@LongLink', type: 'L', content: Buffer.from(`${name}\0`) };
    await expect(read(tarOf(gnu, { name: 'harmless' }))).rejects.toThrow(/unsafe path/);
  });

  it.each<[string, TarEntry, RegExp]>([
    ['a symbolic link', { name: 'l', type: '2', link: '/etc/passwd' }, /link or a special file/],
    ['a hard link', { name: 'l', type: '1', link: '../../x' }, /link or a special file/],
    ['a device', { name: 'd', type: '3' }, /link or a special file/],
    ['a fifo', { name: 'f', type: '6' }, /link or a special file/],
    ['an unknown type', { name: 'f', type: 'Z' }, /link or a special file/],
    ['a long link name', { name: 'k', type: 'K' }, /link or a special file/],
    ['a path twice', { name: 'package/good' }, /twice/],
    ['a size that is not octal', { name: 's', size: '99999999999' }, /not octal/],
    ['a huge entry', { name: 's', size: '77777777777' }, /too large/],
    ['a huge pax header', { name: 's', type: 'x', size: '00007777777' }, /too large/],
    ['global overrides', { name: 'g', type: 'g', content: paxRecord('path', 'a') }, /globally/],
    ['a link in pax', { name: 'x', type: 'x', content: paxRecord('linkpath', 'a') }, /link/],
    ['damaged pax', { name: 'x', type: 'x', content: Buffer.from('999 path=a\n') }, /damaged pax/],
  ])('refuses %s', async (_, entry, message) => {
    await expect(read(tarOf(entry))).rejects.toThrow(message);
  });

  it('refuses a bomb before it has unpacked it', async () => {
    const file = write('a.tgz', gzipSync(Buffer.concat([tarOf(), Buffer.alloc(4_000_000)])));
    const limits = { archiveBytes: 1e6, entryBytes: 1e6, totalBytes: 100_000, entries: 10 };
    await expect(readTarGz(file, [], limits)).rejects.toThrow(/unpacks to too much/);
  });

  it('refuses too many entries, a wrong header checksum and every truncation', async () => {
    const many = makeTar(Array.from({ length: 12 }, (_, i) => ({ name: `f${String(i)}` })));
    const limits = { archiveBytes: 1e6, entryBytes: 1e6, totalBytes: 1e6, entries: 10 };
    const file = write('m.tgz', gzipSync(many));
    await expect(readTarGz(file, [], limits)).rejects.toThrow(/more than 10 entries/);

    const damaged = tarOf();
    damaged[3] = damaged[3]! ^ 1;
    await expect(read(damaged)).rejects.toThrow(/checksum/);

    const bytes = tarOf({ name: 'package/more', content: hello });
    for (const length of [0, 1, 511, 512, 520, 1024, 1500, 2048]) {
      await expect(read(bytes.subarray(0, length)), String(length)).rejects.toThrow(/cut short/);
    }
    const packed = gzipSync(bytes);
    for (let length = 0; length < packed.length; length++) {
      const cut = write('c.tgz', packed.subarray(0, length));
      await expect(readTarGz(cut, []), String(length)).rejects.toThrow(/damaged|cut short/);
    }
  });
});

describe('node scripts/runtimes.mjs', () => {
  const platform = `${process.platform}-${process.arch}`;
  const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

  function manifestFor(registry: 'npm' | 'pypi', file: string, from: string) {
    const bytes = readFileSync(join(folder, file));
    const archive = {
      registry,
      package: 'onlite-made-in-a-test',
      version: '1.0.0',
      platform: 'any',
      file,
      bytes: bytes.length,
      sha256: digest(bytes),
    };
    const to = `runtimes/${platform}/libgood`;
    const pinned = { from, to, bytes: hello.length, sha256: digest(hello) };
    return {
      format: 1,
      archives: { made: archive },
      sets: [
        {
          name: 'Good library',
          when: 'always',
          platform,
          required: true,
          choices: [{ archive: 'made', version: '1.0.0', files: [pinned] }],
        },
      ],
    };
  }

  async function runScript(manifest: unknown, ...args: string[]) {
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
    const script = fileURLToPath(new URL('runtimes.mjs', SCRIPTS));
    const options = ['--root', join(folder, 'root'), '--manifest', join(folder, 'manifest.json')];
    const all = [script, ...options, '--archives', folder, ...args];
    try {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, all);
      return { code: 0, stdout, stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, stdout, stderr };
    }
  }

  const installed = () => join(folder, 'root/runtimes', platform, 'libgood');

  it.each(['npm', 'pypi'] as const)('installs from a sound %s archive, once', async (registry) => {
    const file = registry === 'npm' ? 'a.tgz' : 'a.whl';
    write(file, registry === 'npm' ? gzipSync(tarOf()) : zipOf());
    const manifest = manifestFor(registry, file, registry === 'npm' ? 'package/good' : 'pkg/good');
    expect(await runScript(manifest)).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(installed())).toEqual(hello);

    // Damage of the same size shows when the checksums are recomputed, and is repaired.
    writeFileSync(installed(), Buffer.alloc(hello.length));
    expect((await runScript(manifest, '--verify')).stdout).toContain('Good library');
    expect(readFileSync(installed())).toEqual(hello);

    rmSync(join(folder, file));
    expect(await runScript(manifest)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(readdirSync(join(folder, 'root/runtimes')).sort()).toEqual(['.stamp.json', platform]);
  });

  it.each<[string, () => Buffer, 'npm' | 'pypi', RegExp]>([
    ['a path that escapes (tar)', () => tarOf({ name: '../evil' }), 'npm', /unsafe path/],
    ['a link (tar)', () => tarOf({ name: 'l', type: '2', link: '/' }), 'npm', /special file/],
    ['a path that escapes (zip)', () => zipOf({ name: '../evil' }), 'pypi', /unsafe path/],
    ['a link (zip)', () => zipOf({ name: 'l', mode: 0o120777 }), 'pypi', /special file/],
    ['nothing that is wanted', () => makeZip([{ name: 'a' }]), 'pypi', /has no pkg\/good/],
    ['other bytes than pinned', () => makeZip([{ name: 'pkg/good' }]), 'pypi', /not as pinned/],
  ])('refuses an archive with %s and installs nothing', async (_, make, registry, message) => {
    const file = registry === 'npm' ? 'a.tgz' : 'a.whl';
    write(file, registry === 'npm' ? gzipSync(make()) : make());
    const from = registry === 'npm' ? 'package/good' : 'pkg/good';
    const result = await runScript(manifestFor(registry, file, from));
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(message);
    expect(existsSync(installed())).toBe(false);
    expect(existsSync(join(folder, 'evil'))).toBe(false);
    expect(existsSync(join(folder, 'root/evil'))).toBe(false);
    expect(readdirSync(join(folder, 'root/runtimes'))).toEqual([]);
  });

  it('refuses an archive whose checksum is not the pinned one', async () => {
    write('a.tgz', gzipSync(tarOf()));
    const manifest = manifestFor('npm', 'a.tgz', 'package/good');
    write('a.tgz', gzipSync(tarOf({ name: 'package/extra' })));
    const result = await runScript(manifest);
    expect(result).toMatchObject({ code: 1 });
    expect(result.stderr).toMatch(/SHA-256 is .* expected[\s\S]*what to do:/);
    expect(existsSync(installed())).toBe(false);
  });

  it.each(['../../evil', '/evil', 'scripts/setup.mjs', 'runtimes/../evil'])(
    'refuses a manifest that writes to %s',
    async (to) => {
      write('a.tgz', gzipSync(tarOf()));
      const manifest = manifestFor('npm', 'a.tgz', 'package/good');
      manifest.sets[0]!.choices[0]!.files[0]!.to = to;
      const result = await runScript(manifest);
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(/unsafe path|outside runtimes/);
      expect(existsSync(join(folder, 'root'))).toBe(false);
    },
  );

  it('installs once when several start together, and takes over the lock of a dead one', async () => {
    write('a.tgz', gzipSync(tarOf()));
    const manifest = manifestFor('npm', 'a.tgz', 'package/good');
    const results = await Promise.all([1, 2, 3, 4].map(() => runScript(manifest)));
    expect(results.map((result) => result.code)).toEqual([0, 0, 0, 0]);
    const worked = results.filter((result) => result.stdout.includes('Good library'));
    expect(worked).toHaveLength(1);

    rmSync(installed());
    const dead = await promisify(execFile)(process.execPath, ['-p', 'process.pid']);
    const { hostname } = await import('node:os');
    const owner = { pid: Number(dead.stdout), host: hostname() };
    writeFileSync(join(folder, 'root/runtimes/.lock'), JSON.stringify(owner));
    expect(await runScript(manifest)).toMatchObject({ code: 0 });
    expect(readFileSync(installed())).toEqual(hello);
    expect(existsSync(join(folder, 'root/runtimes/.lock'))).toBe(false);
  });
});
