import { readdirSync } from 'node:fs';
import { basename } from 'node:path';

import { InferenceSession, type Tensor } from 'onlite';
import { describe, expect, it } from 'vitest';

import { expectOutputs } from '../fixtures/expect-outputs';
import { decodeTensor, fixturePath, readFixture, readIndex, type Fixture } from '../fixtures/load';

const { fixtures } = readIndex();

/** Runs all cases in one session: a state or a shape of the one before must not leak. */
async function checkAll(
  fixture: Fixture,
  session: InferenceSession,
  provider: string,
  mode: 'run' | 'runSync',
): Promise<void> {
  for (const [number, one] of fixture.cases.entries()) {
    const feeds: Record<string, Tensor> = {};
    for (const input of one.inputs) feeds[input.name ?? ''] = decodeTensor(input);
    const options = one.signature === undefined ? {} : { signature: one.signature };
    const isAsync = mode === 'run';
    let got: Readonly<Record<string, unknown>>;
    if (one.fetch === undefined) {
      got = isAsync ? await session.run(feeds, options) : session.runSync(feeds, options);
    } else {
      const { fetch } = one;
      got = isAsync
        ? await session.run(feeds, fetch, options)
        : session.runSync(feeds, fetch, options);
    }
    expectOutputs(fixture, provider, number, got);
  }
}

describe.each(fixtures)('$cases: $description', ({ cases }) => {
  const fixture = readFixture(cases);
  const providers = fixture.engine === 'tflite' ? ['xnnpack', 'cpu'] : ['cpu'];

  it.each(providers)('%s', async (provider) => {
    await using session = await InferenceSession.create(fixturePath(fixture.model), {
      executionProviders: [provider],
      intraOpNumThreads: 1,
    });
    expect(session.engine).toBe(fixture.engine);
    await checkAll(fixture, session, provider, 'run');
    await session.resetVariables();
    await checkAll(fixture, session, provider, 'runSync');
  });
});

describe('the fixtures', () => {
  it('have every model file in the index', () => {
    const listed = fixtures.map(({ cases }) => basename(readFixture(cases).model));
    const files = readdirSync(fixturePath('models')).filter((file) =>
      /\.(onnx|tflite)$/.test(file),
    );
    expect(files.sort()).toEqual(listed.sort());
  });
});
