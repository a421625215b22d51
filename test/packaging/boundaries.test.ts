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
    ['test/integration/run.test.ts', '../../lib/errors'],
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
    ['test/integration/run.test.ts', 'onlite'],
  ])('from %s of %s is none', async (file, specifier) => {
    expect(await verdicts(file, specifier)).toEqual([]);
  });
});
