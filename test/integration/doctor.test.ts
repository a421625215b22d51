import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runtimeInfo } from 'onlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { root } from './support';

interface Attempt {
  path: string;
  origin: string;
  failure?: { cause: string; message: string; needs?: string };
}
interface Runtime {
  loaded: boolean;
  tried: Attempt[];
  ownLibraries: { name: string; failure?: { cause: string; needs?: string } }[];
}
interface Report {
  addonError?: { cause: string };
  onlite?: {
    runtimes: { onnxruntime: Runtime; tflite: Runtime };
    installedProviders: {
      name: string;
      version?: string;
      devices: { provider: string }[];
      failure?: { cause: string; needs?: string };
    }[];
  };
  problems: { severity: string; problem: string; remedy: string; cause?: string }[];
}

const { runtimes } = runtimeInfo({ load: true });
const ort = runtimes.onnxruntime.path!;
const tflite = runtimes.tflite.path!;
const main = join(root, 'dist', 'cli', 'main.js');

interface Start {
  nodeOptions?: string[];
  uid?: number;
}

function doctor(env: NodeJS.ProcessEnv = {}, { nodeOptions = [], uid }: Start = {}): Report {
  const args = [...nodeOptions, main, 'doctor', '--json'];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    ...(uid === undefined ? {} : { uid }),
    env: { ...process.env, ...env },
  });
  expect(stdout, stderr).not.toBe('');
  return JSON.parse(stdout) as Report;
}

let folder = '';
const at = (name: string): string => join(folder, name);

/** Compiles a library that needs others, none of which is there any more. */
function compile(name: string, code: string, needed: Record<string, string> = {}): string {
  const output = at(name);
  const source = `${output}.c`;
  const stubs = mkdtempSync(at('stubs-'));
  const libraries = Object.entries(needed).map(([library, script]) => {
    const stub = join(stubs, library);
    writeFileSync(join(stubs, 'stub.c'), 'int onlite_needed(void) { return 1; }\n');
    writeFileSync(join(stubs, 'stub.map'), script);
    const versions = script === '' ? [] : [`-Wl,--version-script=${join(stubs, 'stub.map')}`];
    const link = ['-shared', '-nostdlib', `-Wl,-soname,${library}`, ...versions];
    execFileSync('cc', [...link, '-o', stub, join(stubs, 'stub.c')]);
    return stub;
  });
  writeFileSync(source, code);
  const link = ['-shared', '-fPIC', '-Wl,--no-as-needed', '-Wl,--allow-shlib-undefined'];
  execFileSync('cc', [...link, '-o', output, source, ...libraries]);
  rmSync(stubs, { recursive: true });
  return output;
}

const user = 'int onlite_needed(void); int onlite_use(void) { return onlite_needed(); }\n';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'onlite-doctor-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe.runIf(process.platform === 'linux')('doctor names what is wrong with a library:', () => {
  function copied(name: string, change: (file: string) => void): string {
    const file = at(name);
    copyFileSync(tflite, file);
    change(file);
    return file;
  }

  /** The first attempt's failure, which a problem with a remedy reports. */
  function failureOf(library: string, start?: Start): Attempt['failure'] {
    const { onlite, problems } = doctor({ ONLITE_TFLITE_PATH: library }, start);
    const [attempt] = onlite!.runtimes.tflite.tried;
    expect(attempt).toMatchObject({ path: library, origin: 'ONLITE_TFLITE_PATH' });
    const problem = problems.find(({ cause }) => cause === attempt?.failure?.cause);
    expect(problem?.problem).toContain(library);
    expect(problem?.remedy).toMatch(/.{20}/);
    expect(problem?.remedy).not.toMatch(/npm run|npm rebuild/);
    expect(onlite?.runtimes.onnxruntime.loaded).toBe(true);
    return attempt?.failure;
  }

  it('cut off', () => {
    const library = copied('cut.so', (file) => {
      truncateSync(file, 2_000_000);
    });
    expect(failureOf(library)).toMatchObject({ cause: 'truncated' });
  });

  it('for another processor or system, or none', () => {
    const processor = copied('arm.so', (file) => {
      const bytes = readFileSync(file);
      bytes.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, 18);
      writeFileSync(file, bytes);
    });
    expect(failureOf(processor)).toMatchObject({ cause: 'wrong-architecture' });
    const windows = at('windows.dll');
    writeFileSync(windows, Buffer.concat([Buffer.from('MZ'), Buffer.alloc(300)]));
    expect(failureOf(windows)).toMatchObject({ cause: 'wrong-platform' });
    const text = at('text.so');
    writeFileSync(text, 'version https://git-lfs.github.com/spec/v1\n');
    expect(failureOf(text)).toMatchObject({ cause: 'not-a-library' });
  });

  it('not there', () => {
    expect(failureOf(at('none.so'))).toMatchObject({ cause: 'not-found' });
  });

  it('another library', () => {
    expect(failureOf(ort)).toMatchObject({ cause: 'other-library' });
  });

  it('without a library that it needs', () => {
    const cublas = compile('cublas.so', user, { 'libcublasLt.so.13': '' });
    expect(failureOf(cublas)).toMatchObject({
      cause: 'missing-library',
      needs: 'libcublasLt.so.13',
    });
    const musl = compile('musl.so', user, { 'libc.musl-x86_64.so.1': '' });
    expect(failureOf(musl)).toMatchObject({ cause: 'musl-library' });
  });

  it('for a newer system', () => {
    const script = 'GLIBC_2.99 { global: onlite_needed; };';
    const library = compile('newer.so', user, { 'libc.so.6': script });
    expect(failureOf(library)).toMatchObject({ cause: 'old-system', needs: 'GLIBC_2.99' });
  });

  it('that ends the process', () => {
    const library = compile(
      'crash.so',
      '__attribute__((constructor)) static void crash(void) { *(volatile int*)0 = 0; }\n',
    );
    expect(failureOf(library)).toMatchObject({ cause: 'crash' });
  });

  it('without permission', () => {
    // Root may read everything.
    const start = process.getuid?.() === 0 ? { uid: 65534 } : {};
    const library = copied('locked.so', (file) => {
      chmodSync(file, 0);
    });
    expect(failureOf(library, start)).toMatchObject({ cause: 'no-permission' });
  });

  it('of a provider', () => {
    const provider = at('provider');
    mkdirSync(provider);
    const library = join(provider, 'libonnxruntime.so.1');
    symlinkSync(ort, library);
    compile(
      'provider/libonnxruntime_providers_shared.so',
      'void Provider_SetHost(void* host) { (void)host; }\nvoid* Provider_GetHost(void) { return 0; }\n',
    );
    compile('provider/libonnxruntime_providers_cuda.so', user, { 'libcublasLt.so.13': '' });
    const { onlite, problems } = doctor({ ONLITE_ORT_PATH: library });
    expect(onlite?.runtimes.onnxruntime).toMatchObject({
      loaded: true,
      ownLibraries: [
        { name: 'cuda', failure: { cause: 'missing-library', needs: 'libcublasLt.so.13' } },
      ],
    });
    expect(problems.find(({ problem }) => problem.includes("'cuda'"))?.remedy).toContain('CUDA');
  });

  it('of TensorRT', () => {
    const provider = at('tensorrt');
    mkdirSync(provider);
    const library = join(provider, 'libonnxruntime.so.1');
    symlinkSync(ort, library);
    symlinkSync(
      at('provider/libonnxruntime_providers_shared.so'),
      join(provider, 'libonnxruntime_providers_shared.so'),
    );
    compile('tensorrt/libonnxruntime_providers_tensorrt.so', user, { 'libnvinfer.so.10': '' });
    const { problems } = doctor({ ONLITE_ORT_PATH: library });
    const found = problems.find(({ problem }) => problem.includes("'tensorrt'"));
    expect(found?.remedy).toMatch(/^install TensorRT of the version that has libnvinfer\.so\.10/);
  });
});

describe('doctor tries what onlite install has brought:', () => {
  const install = (name: string, manifest: object): string => {
    const data = mkdtempSync(at('data-'));
    const provider = join(data, 'providers', name);
    mkdirSync(provider, { recursive: true });
    symlinkSync(ort, join(provider, 'libonnxruntime.so.1'));
    writeFileSync(join(provider, 'provider.json'), JSON.stringify(manifest));
    return data;
  };
  const cuda = { version: '1', kind: 'runtime', library: 'libonnxruntime.so.1', dependencies: [] };

  it('nothing', () => {
    const { onlite } = doctor({ ONLITE_DATA_PATH: mkdtempSync(at('data-')) });
    expect(onlite?.installedProviders).toEqual([]);
  });

  it('an ONNX Runtime whose provider has no library', () => {
    const { onlite, problems } = doctor({ ONLITE_DATA_PATH: install('cuda', cuda) });
    expect(onlite?.installedProviders).toMatchObject([
      { name: 'cuda', version: '1', devices: [], failure: { cause: expect.any(String) as string } },
    ]);
    const found = problems.find(({ problem }) => problem.includes("installed provider 'cuda'"));
    expect(found?.severity).toBe('warning');
    expect(found?.remedy).toContain('onlite install cuda --dry-run');
  });

  it('one that lacks a file', () => {
    const lacking = { ...cuda, dependencies: ['libcublasLt.so.13'] };
    const { onlite } = doctor({ ONLITE_DATA_PATH: install('cuda', lacking) });
    expect(onlite?.installedProviders).toMatchObject([
      { name: 'cuda', failure: { cause: 'not-found' } },
    ]);
  });

  it('one whose manifest is none', () => {
    const { onlite } = doctor({ ONLITE_DATA_PATH: install('webgpu', { kind: 'x' }) });
    expect(onlite?.installedProviders).toMatchObject([{ name: 'webgpu', failure: {} }]);
    expect(onlite?.runtimes.onnxruntime.loaded).toBe(true);
  });
});

describe('doctor names why there is no addon:', () => {
  it('--no-addons', () => {
    const { addonError, problems } = doctor({}, { nodeOptions: ['--no-addons'] });
    expect(addonError).toMatchObject({ cause: 'addons-disabled' });
    expect(problems[0]).toMatchObject({ severity: 'error', cause: 'addons-disabled' });
    expect(problems[0]?.remedy).toContain('--no-addons');
  });

  it('the permission model', () => {
    const isOld = Number.parseInt(process.versions.node, 10) < 22;
    const permission = isOld ? '--experimental-permission' : '--permission';
    const { addonError, problems } = doctor(
      {},
      {
        nodeOptions: [permission, '--allow-fs-read=*'],
      },
    );
    expect(addonError).toMatchObject({ cause: 'permission-model' });
    expect(problems[0]?.remedy).toContain('--allow-addons');
  });

  it('a file that is none', () => {
    const file = at('addon.node');
    writeFileSync(file, 'no addon');
    const { addonError } = doctor({ ONLITE_ADDON_PATH: file });
    expect(addonError).toBeDefined();
    expect(addonError?.cause).not.toMatch(/unknown|crash/);
  });
});
