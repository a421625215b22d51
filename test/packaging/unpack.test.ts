import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { zipSync, type Zippable } from 'fflate';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPTS = new URL('../../scripts/', import.meta.url);
const { safeEntryPath } = await import(new URL('lib/safe-path.mjs', SCRIPTS).href);

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'onlite-unpack-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

type Registry = 'npm' | 'pypi';
const hello = Buffer.from('hello, library');
const LINK = { os: 3, attrs: 0o120777 * 0x10000 };

/** Files by name; a string is where a link points. */
type Members = Record<string, Buffer | string>;

const good = (registry: Registry) => (registry === 'npm' ? 'package/good' : 'pkg/good');

/** An archive as npm packs one, or a wheel. */
function pack(registry: Registry, members: Members): string {
  return registry === 'npm' ? packTar(members) : packZip(members);
}

function packTar(members: Members): string {
  const source = mkdtempSync(join(folder, 'source-'));
  for (const [name, content] of Object.entries(members)) {
    mkdirSync(dirname(join(source, name)), { recursive: true });
    if (typeof content === 'string') symlinkSync(content, join(source, name));
    else writeFileSync(join(source, name), content);
  }
  execFileSync('tar', ['-czf', '../a.tgz', ...readdirSync(source)], { cwd: source });
  return 'a.tgz';
}

function packZip(members: Members): string {
  const entries = Object.entries(members).map(([name, content]): [string, Zippable[string]] => [
    name,
    typeof content === 'string' ? [Buffer.from(content), LINK] : content,
  ]);
  writeFileSync(join(folder, 'a.whl'), zipSync(Object.fromEntries(entries)));
  return 'a.whl';
}

describe('safeEntryPath', () => {
  it.each([
    '../evil',
    'package/../../evil',
    '/etc/evil',
    'C:/evil',
    'package\\..\\evil',
    'package/./evil',
    'package//evil',
    'package/evil.',
    'package/NUL',
    'package/com1.txt',
    'package/stream:evil',
    'package/new\nline',
    'package/*',
    '--to-command=evil',
    '@evil',
    '',
    '..',
    './',
    'a\0b',
    'x'.repeat(1025),
  ])('refuses %j', (path) => {
    expect(() => safeEntryPath(path)).toThrow(/unsafe path/);
  });

  it('keeps plain relative paths', () => {
    expect(safeEntryPath('package/bin/linux/x64/lib.so.1')).toBe('package/bin/linux/x64/lib.so.1');
    expect(safeEntryPath('./package/dir/')).toBe('package/dir');
  });
});

describe('node scripts/runtimes.mjs', () => {
  const platform = `${process.platform}-${process.arch}`;
  const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

  function manifestFor(registry: Registry, file: string, from = good(registry)) {
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

  /** What is left where there should be nothing. */
  const leftovers = () => readdirSync(join(folder, 'root/runtimes'));

  it.each(['npm', 'pypi'] as const)('installs from a sound %s archive, once', async (registry) => {
    const file = pack(registry, { [good(registry)]: hello, other: Buffer.alloc(5000, 7) });
    const manifest = manifestFor(registry, file);
    expect(await runScript(manifest)).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(installed())).toEqual(hello);

    // Damage of the same size shows when the checksums are recomputed, and is repaired.
    writeFileSync(installed(), Buffer.alloc(hello.length));
    expect((await runScript(manifest, '--verify')).stdout).toContain('Good library');
    expect(readFileSync(installed())).toEqual(hello);

    rmSync(join(folder, file));
    expect(await runScript(manifest)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(leftovers().sort()).toEqual(['.stamp.json', platform]);
  });

  it.each<[string, Registry, Members, RegExp]>([
    [
      'other bytes',
      'npm',
      { 'package/good': Buffer.from('evil') },
      /good is \w{64}, expected \w{64}/,
    ],
    ['other bytes', 'pypi', { 'pkg/good': Buffer.from('evil') }, /good is \w{64}, expected \w{64}/],
    ['no such member', 'npm', { a: hello }, /package\/good: Not found in archive/],
    ['no such member', 'pypi', { a: hello }, /pkg\/good: Not found in archive/],
    ['a link', 'npm', { 'package/good': '../real', real: hello }, /good is a link or no file/],
    ['a link', 'pypi', { 'pkg/good': '../real', real: hello }, /good is \w{64}, expected \w{64}/],
    ['a folder', 'npm', { 'package/good/inside': hello }, /good is a link or no file/],
    ['a folder', 'pypi', { 'pkg/good/inside': hello }, /pkg\/good: Not found in archive/],
  ])('installs nothing if there is %s (%s)', async (_, registry, members, message) => {
    const result = await runScript(manifestFor(registry, pack(registry, members)));
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(/^ +at /m);
    expect(leftovers()).toEqual([]);
  });

  it.each<[string, Registry, RegExp]>([
    ['a.tgz', 'npm', /tar .* failed/],
    ['a.whl', 'pypi', /no zip archive/],
  ])('says so if %s is no archive', async (file, registry, message) => {
    writeFileSync(join(folder, file), 'neither');
    const result = await runScript(manifestFor(registry, file));
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(message);
    expect(leftovers()).toEqual([]);
  });

  it('does not open an archive whose checksum is not the pinned one', async () => {
    const manifest = manifestFor('npm', pack('npm', { 'package/good': hello }));
    pack('npm', { 'package/good': hello, 'package/extra': hello });
    const result = await runScript(manifest);
    expect(result).toMatchObject({ code: 1 });
    expect(result.stderr).toMatch(/SHA-256 is .* expected[\s\S]*what to do:/);
    expect(leftovers()).toEqual([]);
  });

  it.each(['../../evil', '/evil', 'scripts/setup.mjs', 'runtimes/../evil'])(
    'refuses a manifest that writes to %s',
    async (to) => {
      const manifest = manifestFor('npm', pack('npm', { 'package/good': hello }));
      manifest.sets[0]!.choices[0]!.files[0]!.to = to;
      const result = await runScript(manifest);
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(/unsafe path|outside runtimes/);
      expect(existsSync(join(folder, 'root'))).toBe(false);
    },
  );

  it.each(['../good', '-good', 'package/*', './package/good'])(
    'refuses a manifest that takes %s',
    async (from) => {
      const file = pack('npm', { 'package/good': hello });
      const result = await runScript(manifestFor('npm', file, from));
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(/unsafe path|is not a plain path/);
      expect(existsSync(join(folder, 'root'))).toBe(false);
    },
  );

  it('installs once when several start together, and takes over the lock of a dead one', async () => {
    const manifest = manifestFor('npm', pack('npm', { 'package/good': hello }));
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
