import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { ESLint } from 'eslint';
import { beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

describe('an import upwards', () => {
  let eslint: ESLint;

  beforeAll(() => {
    // On CI the parser would read the files themselves, and not the text that is given.
    process.env['TSESTREE_SINGLE_RUN'] = 'false';
    eslint = new ESLint({
      cwd: root,
      ruleFilter: ({ ruleId }) => ruleId === 'no-restricted-imports',
    });
  });

  /** What ESLint says of a file's text, were it this one. */
  async function verdicts(file: string, specifier: string): Promise<string[]> {
    const text = `import '${specifier}';\n`;
    const [result] = await eslint.lintText(text, { filePath: join(root, file) });
    return (result?.messages ?? []).map(({ message }) => message);
  }

  it.each([
    ['lib/errors.ts', './engine/session/session'],
    ['lib/checks.ts', './cli/command'],
    ['lib/formats/npy/npy.ts', '../../engine/tensor/tensor'],
    ['lib/formats/flatbuffer.ts', '../index'],
    ['lib/engine/session/session.ts', '../../metrics/text'],
    ['lib/engine/tensor/pool/block.ts', '../../../bench/sample'],
    ['lib/engine/run/feeds.ts', '../../index'],
    ['lib/bench/sample.ts', '../metrics/text'],
    ['lib/metrics/text.ts', '../cli/output'],
    ['lib/optimize/compare/match.ts', '../../cli/output'],
    ['lib/security/encrypt-model.ts', '../engine/run/abort'],
    ['test/integration/run.test.ts', '../../lib/errors'],
    ['server/lib/models/lease.ts', '../wire/errors'],
    ['server/lib/models/lease.ts', '../config'],
    ['server/lib/wire/oip/feed.ts', '../../rollout'],
    ['server/lib/rollout/prepare.ts', '../manage/routes'],
    ['server/lib/wire/oip/feed.ts', '../../http/send'],
    ['server/lib/http/send.ts', '../../../lib/errors'],
    ['server/lib/http/send.ts', '../mount/mount'],
    ['server/lib/client/client.ts', '../models'],
    ['server/lib/http2/stream.ts', '../wire/errors'],
    ['server/lib/access/keys.ts', '../http/send'],
    ['server/lib/grpc/call.ts', '../http/send'],
    ['bench/suites/tiny.mjs', '../../dist/index.js'],
  ])('from %s of %s is refused', async (file, specifier) => {
    expect(await verdicts(file, specifier)).toHaveLength(1);
  });

  it.each([
    ['lib/index.ts', './engine/session/session'],
    ['lib/engine/profile/tflite.ts', '../../formats/tflite/tensor-type'],
    ['lib/engine/session/session.ts', '../../errors'],
    ['lib/cli/info/index.ts', '../../formats/onnx'],
    ['lib/cli/bench/index.ts', '../output'],
    ['lib/optimize/measures/regression.ts', '../../bench/statistics'],
    ['test/integration/run.test.ts', 'onlite'],
    ['server/lib/http/send.ts', '../wire/request'],
    ['server/lib/rollout/prepare.ts', '../wire/errors'],
    ['server/lib/models/lease.ts', 'onlite'],
  ])('from %s of %s is none', async (file, specifier) => {
    expect(await verdicts(file, specifier)).toEqual([]);
  });
});

/** How CMake has the addon's sources compiled; not there where another build system was used. */
const database = join(root, 'build', 'compile_commands.json');

describe.runIf(process.platform !== 'win32' && existsSync(database))('an include upwards', () => {
  const commands = JSON.parse(readFileSync(database, 'utf8')) as {
    file: string;
    command: string;
    directory: string;
  }[];

  /** The target of each layer, whose sources are compiled several as one file. */
  const targets: Record<string, string> = {
    core: 'onlite_core.dir',
    runtimes: 'onlite_runtimes.dir',
    session: 'onlite_session.dir',
    napi: 'onlite.dir',
  };

  /** What the compiler says of a text, were it this file of native/. */
  function compile(file: string, header: string): string {
    const [layer = ''] = file.split('/', 1);
    const found = commands.find(({ command }) => command.includes(`/${targets[layer]}/`));
    if (found === undefined) throw new Error(`${file} is not compiled`);
    const command = `${found.command.replace(/ -o .*/, '')} -fsyntax-only -x c++ -`;
    const input = `#include "${header}"\n`;
    const options = { cwd: found.directory, encoding: 'utf8', input } as const;
    return spawnSync('/bin/sh', ['-c', command], options).stderr;
  }

  it.each([
    ['core/executor.cc', 'runtimes/session.h'],
    ['core/executor.cc', 'session/session_core.h'],
    ['runtimes/ort/binding.cc', 'session/session_core.h'],
    ['runtimes/ort/binding.cc', 'napi/convert/errors.h'],
    ['session/session_core.cc', 'napi/convert/errors.h'],
  ])('from %s of %s does not compile', (file, header) => {
    expect(compile(file, header)).toMatch(/no such file|not found/i);
  });

  it.each([
    ['runtimes/ort/binding.cc', 'core/status.h'],
    ['session/session_core.cc', 'runtimes/session.h'],
    ['napi/run/native_binding.cc', 'session/session_core.h'],
  ])('from %s of %s is none', (file, header) => {
    expect(compile(file, header)).toBe('');
  });
});
