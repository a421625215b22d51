import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawn, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { cleanEnvironment, startChild } from '../../../lib/convert/child';
import { ConverterProcess } from '../../../lib/convert/converter-process';
import { describePython, findPython } from '../../../lib/convert/environment/python';
import { withProcessLock } from '../../../lib/convert/environment/process-lock';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'onlite-processes-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

it('one process at a time has the lock, and what a killed one has left is taken over', async () => {
  const file = join(folder, 'lock');
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  writeFileSync(file, String(pid));
  let inside = 0;
  let most = 0;
  const waited: string[] = [];
  const work = async (name: string): Promise<void> =>
    withProcessLock(
      file,
      async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setTimeout(resolve, 20));
        inside--;
      },
      { onWait: () => waited.push(name) },
    );
  await Promise.all([work('a'), work('b'), work('c')]);
  expect(most).toBe(1);
  expect(waited.length).toBeGreaterThan(0);
  expect(existsSync(file)).toBe(false);
});

it('a program is ended with those that it has started', async () => {
  const file = join(folder, 'pid');
  const script =
    "const { spawn } = require('node:child_process');" +
    "const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);" +
    `require('node:fs').writeFileSync(${JSON.stringify(file)}, String(child.pid));`;
  const controller = new AbortController();
  const child = startChild(process.execPath, ['-e', `${script} setInterval(() => {}, 1000)`], {
    env: cleanEnvironment({}),
    stdio: ['ignore', 'ignore', 'ignore'],
    signal: controller.signal,
    what: 'the test',
  });
  await vi.waitUntil(() => existsSync(file) && readFileSync(file, 'utf8') !== '', 10_000);
  const grandchild = Number(readFileSync(file, 'utf8'));
  expect(isAlive(grandchild)).toBe(true);
  controller.abort();
  await expect(child.ended).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
  await vi.waitUntil(() => !isAlive(grandchild), 10_000);
});

it('a program that is not there is told of', async () => {
  const child = startChild(join(folder, 'none'), [], {
    env: {},
    stdio: ['ignore', 'ignore', 'ignore'],
    what: 'the test',
  });
  await expect(child.ended).rejects.toMatchObject({ code: 'ERR_RUN_FAILED' });
});

it('what changes Python is not passed on', () => {
  vi.stubEnv('PYTHONPATH', '/elsewhere');
  vi.stubEnv('TF_USE_LEGACY_KERAS', '1');
  const env = cleanEnvironment({ A: 'b' });
  vi.unstubAllEnvs();
  expect(env).toMatchObject({ PATH: process.env['PATH'], A: 'b' });
  expect(Object.keys(env).filter((name) => /^(PYTHON|TF_)/.test(name))).toEqual([]);
});

const python = describePython('python3');

const converters = fileURLToPath(new URL('../../../converters/', import.meta.url));

describe.runIf(python)('a module of Python that is tied to who has started it', () => {
  const tied = ['-I', join(converters, 'tied.py')];

  /** What it prints, and its exit code, with standard input open to its end. */
  const run = async (...args: string[]): Promise<[string, number | null]> => {
    const child = spawn(python!.path, [...tied, ...args], { stdio: ['pipe', 'pipe', 'ignore'] });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return [printed, code];
  };

  it('has its arguments, its exit code and nothing to read', async () => {
    const [printed, code] = await run('timeit', '-n1', '-r1', 'print("here")');
    expect(printed).toMatch(/^here\n1 loop/);
    expect(code).toBe(0);
    expect((await run('timeit', 'fail'))[1]).toBe(1);
    const [read] = await run(
      'timeit',
      '-n1',
      '-r1',
      '-s',
      'import sys',
      'print([sys.stdin.read()])',
    );
    expect(read).toMatch(/^\[''\]\n/);
  });

  it('ends when that is killed', async () => {
    const file = join(folder, 'tied');
    const wait =
      'import os, subprocess, sys, time; ' +
      'child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]); ' +
      `open(${JSON.stringify(file)}, "w").write(f"{os.getpid()} {child.pid}."); time.sleep(600)`;
    const script =
      "const { spawn } = require('node:child_process');" +
      `spawn(${JSON.stringify(python!.path)}, ${JSON.stringify([...tied, 'timeit', wait])},` +
      "{ detached: true, stdio: ['pipe', 'ignore', 'inherit'] }); setInterval(() => {}, 1000)";
    const parent = spawn(process.execPath, ['-e', script], { stdio: 'inherit' });
    await vi.waitUntil(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('.'), 20_000);
    const pids = readFileSync(file, 'utf8').split(/[ .]/).slice(0, 2).map(Number);
    expect(pids.map(isAlive)).toEqual([true, true]);
    parent.kill('SIGKILL');
    await vi.waitUntil(() => !pids.some(isAlive), 20_000);
  });
});

describe.runIf(python)('a program in Python', () => {
  const start = (body: string): ConverterProcess => {
    const program = join(folder, 'program.py');
    writeFileSync(
      program,
      `import sys\nsys.path.insert(0, ${JSON.stringify(converters)})\n` +
        'from common import Failure, serve\n' +
        `class Converter:\n    def __init__(self, progress):\n        progress("loading")\n` +
        `    def convert(self, request):\n        ${body}\n` +
        'serve(Converter)\n',
    );
    return new ConverterProcess({
      python: python!.path,
      program,
      folder,
      onStage: () => undefined,
    });
  };

  it('opens no archive that unpacks to more than a model has', async () => {
    const [bomb, model] = [join(folder, 'bomb.keras'), join(folder, 'model.keras')];
    const zip =
      'import sys, zipfile\n' +
      'for path, size in ((sys.argv[1], 400 << 20), (sys.argv[2], 200 << 20)):\n' +
      '    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:\n' +
      '        archive.writestr("model.weights.h5", bytes(size))\n';
    expect(spawnSync(python!.path, ['-c', zip, bomb, model]).status).toBe(0);
    const converter = start('return {}');
    await expect(converter.ask('convert', { source: bomb })).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringMatching(/archive of \d+ bytes unpacks to 419430400/),
    });
    expect(await converter.ask('convert', { source: model })).toEqual({});
    await converter.close();
  });

  it.each([
    ['print("noise"); return {"twice": request["x"] * 2}', { twice: 42 }],
    ['return {"text": "\u00e4\\n"}', { text: '\u00e4\n' }],
  ])('answers, whatever it prints: %s', async (body, expected) => {
    const converter = start(body);
    expect(await converter.ask('convert', { x: 21 })).toEqual(expected);
    await converter.close();
  });

  it.each([
    ['raise Failure("operator", "no Foo", layers=["l"])', 'ERR_UNSUPPORTED', /^no Foo \(at l\)$/],
    ['raise KeyError("x")', 'ERR_RUN_FAILED', /^the converter failed: KeyError/],
    ['sys.exit(3)', 'ERR_RUN_FAILED', /^the converter failed: SystemExit: 3$/],
    ['import os; os._exit(7)', 'ERR_RUN_FAILED', /^the converter ended with 7$/],
  ])('fails: %s', async (body, code, message) => {
    const converter = start(body);
    const failure = converter.ask('convert', {});
    await expect(failure).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await converter.close();
  });

  it('says so where it has ended before it is asked', async () => {
    const body = 'import os, threading; threading.Timer(0.1, os._exit, [9]).start()';
    const converter = start(body);
    await converter.ask('convert', {});
    // Its end is heard of while nobody waits for an answer.
    await converter.ended;
    await expect(converter.ask('run', {})).rejects.toMatchObject({
      code: 'ERR_RUN_FAILED',
      message: 'the converter ended with 9',
    });
  });

  it.each(['null', '5', '"x"', '[]', '{}'])(
    'takes no line for an answer that is none: %s',
    async (line) => {
      const program = join(folder, 'noisy.py');
      const answer = '{"event": "result", "result": 1}';
      writeFileSync(program, `input()\nprint(${JSON.stringify(line)})\nprint('${answer}')\n`);
      const converter = new ConverterProcess({ python: python!.path, program, folder });
      expect(await converter.ask('convert', {})).toBe(1);
      expect(converter.log).toContain(line);
      await converter.close();
    },
  );

  it('leaves its temporary files in its folder', async () => {
    const converter = start('import tempfile; return tempfile.gettempdir()');
    expect(await converter.ask('convert', {})).toBe(folder);
    await converter.close();
  });

  it('ends when nobody is there to ask it any more', () => {
    const program = join(folder, 'waits.py');
    writeFileSync(
      program,
      `import sys\nsys.path.insert(0, ${JSON.stringify(converters)})\n` +
        'from common import serve\nserve(lambda progress: None)\n',
    );
    // Standard input is empty: it has ended.
    const { signal, status } = spawnSync(python!.path, [program], { input: '', timeout: 30_000 });
    expect([signal, status]).toEqual([null, 1]);
  });
});

it('says what to install where there is no Python that fits', () => {
  expect(() => findPython(['2.9'])).toThrow(
    expect.objectContaining({
      code: 'ERR_RUNTIME_NOT_FOUND',
      message: expect.stringMatching(
        /Python 2\.9, which is needed for this alone: .*; install Python/,
      ),
    }),
  );
});
