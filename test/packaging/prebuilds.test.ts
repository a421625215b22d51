import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { root } from '../integration/support';
import { readMachO, readPe } from './binaries';

interface Platform {
  os: string;
  cpu: string;
  libc?: string;
}

const { platforms, prebuildFile } = await import(
  new URL('../../scripts/lib/platforms.mjs', import.meta.url).href
);
/** What scripts/prebuild.mjs has built here. */
const built = Object.entries(platforms as Record<string, Platform>)
  .map(([name, platform]) => ({ name, ...platform, file: join(root, prebuildFile(name)) }))
  .filter(({ file }) => existsSync(file));

const readelf = (file: string, ...options: string[]): string =>
  execFileSync('readelf', ['--wide', ...options, file], { encoding: 'utf8' });

/** [section index, name with version] of the dynamic symbols. */
function symbols(file: string): [string, string][] {
  return [...readelf(file, '--dyn-syms').matchAll(/(GLOBAL|WEAK)\s+\w+\s+(\w+)\s+(\S+)/g)].map(
    ([, , section, name]) => [section ?? '', name ?? ''],
  );
}

/** What Node looks for in an addon. */
const entryPoints = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];

describe.each(built.filter(({ os }) => os === 'linux'))('the addon for $name', (platform) => {
  const { file, cpu, libc } = platform;
  const imports = () => symbols(file).filter(([section]) => section === 'UND');

  it('is stripped, stays loaded, and is of its processor', () => {
    expect(readelf(file, '--sections')).not.toMatch(/\.symtab|\.debug_/);
    expect(readelf(file, '--dynamic')).toMatch(/NODELETE/);
    expect(readelf(file, '--file-header')).toMatch(cpu === 'x64' ? /X86-64/ : /AArch64/);
    expect(statSync(file).size).toBeLessThan(2.5e6);
  });

  it('needs the C library alone, of glibc 2.28 or earlier', () => {
    const needed = [...readelf(file, '--dynamic').matchAll(/NEEDED.*\[(.*)\]/g)].map(
      ([, name]) => name,
    );
    const allowed =
      libc === 'musl'
        ? /^libc\.so$/
        : /^(libc\.so\.6|libm\.so\.6|libdl\.so\.2|libpthread\.so\.0|librt\.so\.1|ld-linux-.*)$/;
    expect(needed.filter((name) => !allowed.test(name ?? ''))).toEqual([]);
    const versions = imports().flatMap(([, name]) => /@GLIBC_2\.(\d+)/.exec(name)?.[1] ?? []);
    if (libc === 'musl') expect(versions).toEqual([]);
    else expect(Math.max(...versions.map(Number))).toBeLessThanOrEqual(28);
  });

  it('exports what Node looks for, and imports no call that Electron forbids', () => {
    const exported = symbols(file).filter(([section]) => section !== 'UND');
    expect(exported.map(([, name]) => name).sort()).toEqual(entryPoints);
    const names = imports().map(([, name]) => name.replace(/@.*/, ''));
    expect(names).toContain('napi_create_function');
    expect(names).not.toContain('napi_create_external_arraybuffer');
    expect(names.filter((name) => /^_Z|^uv_|^v8/.test(name))).toEqual([]);
  });
});

describe.each(built.filter(({ os }) => os === 'darwin'))('the addon for $name', ({ file, cpu }) => {
  it('is of its system and processor, signed, and for macOS 11', () => {
    const head = readFileSync(file);
    expect(head.readUInt32LE(0)).toBe(0xfeedfacf);
    expect(head.readUInt32LE(4)).toBe(cpu === 'x64' ? 0x1000007 : 0x100000c);
    const { minimum, isSigned } = readMachO(file);
    expect(minimum).toBe('11.0');
    // Apple's own processors run nothing that is not.
    if (cpu === 'arm64') expect(isSigned).toBe(true);
  });

  it('needs the system library alone, and takes of Node what Electron allows', () => {
    const { libraries, imports, exports } = readMachO(file);
    expect(libraries).toEqual(['/usr/lib/libSystem.B.dylib']);
    expect(imports).toContain('napi_create_function');
    expect(imports).not.toContain('napi_create_external_arraybuffer');
    expect(imports.filter((name) => /^uv_|^v8|^_ZN?2v8|^_ZNSt/.test(name))).toEqual([]);
    // A program's operators new and delete replace everybody's.
    const own = exports.filter(
      (name) => !/^_Z(n[aw]|d[al])|^_+(mh_dylib_header|dso_handle)$/.test(name),
    );
    expect(own.sort()).toEqual(entryPoints);
  });
});

describe.each(built.filter(({ os }) => os === 'win32'))('the addon for $name', ({ file, cpu }) => {
  it('is of its system and processor', () => {
    const head = readFileSync(file);
    const at = head.readUInt32LE(60);
    expect(head.toString('latin1', at, at + 4)).toBe('PE\0\0');
    expect(head.readUInt16LE(at + 4)).toBe(cpu === 'x64' ? 0x8664 : 0xaa64);
  });

  // Not node.exe: a packaged Electron app is called otherwise. native/host_functions.cc looks Node-API up.
  it('needs what every Windows 10 has, and no program of a certain name', () => {
    const { libraries, exports } = readPe(file);
    const system = /^(kernel32\.dll|api-ms-win-crt-[a-z]+-l1-1-0\.dll)$/i;
    expect(libraries.filter((name) => !system.test(name))).toEqual([]);
    expect(readFileSync(file).includes('napi_create_function\0')).toBe(true);
    expect(exports.sort()).toEqual(entryPoints);
  });
});

it('platforms are called as the loader calls them', () => {
  for (const [name, { os, cpu, libc }] of Object.entries(platforms as Record<string, Platform>)) {
    expect(name).toBe(`${os}-${cpu}${libc === 'musl' ? '.musl' : ''}`);
  }
});
