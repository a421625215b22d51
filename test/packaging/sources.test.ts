import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(ROOT + path, 'utf8');
const { cmakeSources, diskSources, gypSources, withGypSources } = await import(
  new URL('../../scripts/lib/sources.mjs', import.meta.url).href
);

const sorted = (names: string[]) => [...names].sort();

describe('the two builds', () => {
  it('compile the same files, and every file there is', () => {
    const cmake: string[] = cmakeSources(ROOT);
    expect(cmake).toContain('native/addon.cc');
    expect(cmake).toHaveLength(new Set(cmake).size);
    // What to do: add the file to native/sources.cmake, then node scripts/build-gyp.mjs --sync
    expect(sorted(cmake)).toEqual(sorted(diskSources(ROOT)));
    expect(gypSources(ROOT)).toEqual(cmake);
  });

  it('leave tests and the ABI check out', () => {
    const left = (cmakeSources(ROOT) as string[]).filter((path) =>
      /^native\/(test|abi)\//.test(path),
    );
    expect(left).toEqual([]);
  });

  it('use the same Node-API version, defines and C++ standard', () => {
    const gyp = read('binding.gyp');
    const cmake = read('CMakeLists.txt');
    const blocks = cmake.matchAll(
      /target_compile_definitions\(\w+ (?:PRIVATE|INTERFACE) ([^)]+)\)/g,
    );
    const inCmake = [...blocks].flatMap((block) => block[1]!.trim().split(/\s+/));
    const lists = gyp.matchAll(/"defines": \[([^\]]+)\]/g);
    const inGyp = [...lists].flatMap((list) =>
      [...list[1]!.matchAll(/"([^"]+)"/g)].map((m) => m[1]!),
    );
    expect(inCmake).toContain('NAPI_VERSION=8');
    // MSVC's own switch: CMake's default flags have it, node-gyp's turn it off.
    expect(sorted(inGyp.filter((define) => define !== '_HAS_EXCEPTIONS=1'))).toEqual(
      sorted(inCmake),
    );
    expect(cmake).toMatch(/CMAKE_CXX_STANDARD 20/);
    expect(gyp).toMatch(/"-std=c\+\+20"/);
  });

  it('pin the addon into the process and hide its symbols', () => {
    expect(read('binding.gyp')).toMatch(/-Wl,-z,nodelete/);
    expect(read('CMakeLists.txt')).toMatch(/-Wl,-z,nodelete/);
    expect(read('binding.gyp')).toMatch(/-fvisibility=hidden/);
    expect(read('CMakeLists.txt')).toMatch(/VISIBILITY_PRESET hidden/);
  });
});

describe('binding.gyp --sync', () => {
  it('rewrites the list of sources and nothing else', () => {
    const before = read('binding.gyp');
    const other = withGypSources(before, ['native/a.cc', 'native/b.cc']) as string;
    expect(other).toContain('"native/a.cc",\n        "native/b.cc"\n');
    expect(other).not.toContain('native/addon.cc');
    expect(withGypSources(other, gypSources(ROOT))).toBe(before);
  });
});

// Messages of the addon and onlite info, which works without it, each need the table.
describe('the names of TensorFlow Lite operators', () => {
  it('are the same in the addon and in TypeScript', () => {
    const names = (text: string, quoted: RegExp) => [...text.matchAll(quoted)].map((m) => m[1]!);
    const inAddon = names(
      read('native/runtimes/tflite/model/operator_names.cc'),
      /^ {4}"([A-Z0-9_]+)",$/gm,
    );
    expect(inAddon[0]).toBe('ADD');
    expect(inAddon).toEqual(
      names(read('lib/formats/tflite/builtin-operators.ts'), /^ {2}'([A-Z0-9_]+)',$/gm),
    );
  });
});
