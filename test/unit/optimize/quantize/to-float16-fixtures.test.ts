import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { InferenceSession } from 'onlite';
import { describe, expect, it } from 'vitest';

import { GraphEditor, readOnnxModel, writeOnnxModel } from '../../../../lib/formats/onnx';
import type { OperatorDecision } from '../../../../lib/optimize/quantize/decision';
import { convertToFloat16 } from '../../../../lib/optimize/quantize/to-float16';
import { difference } from '../../../fixtures/compare';
import { decodeTensor, fixturePath, readFixture, readIndex } from '../../../fixtures/load';

const session = { logSeverityLevel: 4 } as const;

const fixtures = readIndex()
  .fixtures.filter(({ engine }) => engine === 'onnxruntime')
  .map(({ cases }) => ({ cases, fixture: readFixture(cases) }));

function convert(file: string): { bytes: Uint8Array; decisions: OperatorDecision[] } {
  const editor = new GraphEditor(readOnnxModel(readFileSync(file)));
  const decisions = convertToFloat16(editor, { folder: dirname(file) });
  return { bytes: writeOnnxModel(editor.commit()), decisions };
}

describe('a fixture in float16 gives its values within what float16 rounds', () => {
  it.each(fixtures)('$cases', async ({ fixture }) => {
    const { bytes, decisions } = convert(fixturePath(fixture.model));
    for (const { as, reason } of decisions)
      expect((as === undefined) !== (reason === undefined)).toBe(true);
    await using converted = await InferenceSession.create(bytes, session);
    for (const { inputs, outputs, fetch } of fixture.cases) {
      const feeds = Object.fromEntries(inputs.map((each) => [each.name ?? '', decodeTensor(each)]));
      const results = await converted.run(feeds, fetch ?? outputs.map(({ name }) => name ?? ''));
      for (const output of outputs) {
        const problem = difference(
          output.name ?? '',
          results[output.name ?? ''],
          output,
          { kind: 'close', rtol: 2e-3, atol: 2e-3 },
          ({ data }) => data,
        );
        expect(problem).toBeUndefined();
      }
    }
  });
});
