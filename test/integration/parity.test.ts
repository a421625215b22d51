import { readdirSync } from 'node:fs';
import { basename } from 'node:path';

import { InferenceSession, type Tensor } from 'onlite';
import { beforeAll, describe, expect, it } from 'vitest';

import { difference } from '../fixtures/compare';
import {
  decodeTensor,
  fixturePath,
  readFixture,
  readIndex,
  type Comparison,
  type Fixture,
  type FixtureCase,
  type Payload,
} from '../fixtures/load';
import { hasSameTfLite } from '../fixtures/same-library';

const { fixtures } = readIndex();

let sameTfLite = false;
beforeAll(() => {
  sameTfLite = hasSameTfLite();
});

/** What a TensorFlow Lite provider must give: the library's own bits, or near the reference. */
function expectation(fixture: Fixture, provider: string): [Comparison, string] {
  return fixture.engine === 'tflite' && sameTfLite
    ? [{ kind: 'exact' }, `${provider}.library`]
    : [fixture.compare, `${provider}.reference`];
}

function check(
  fixture: Fixture,
  provider: string,
  number: number,
  { outputs }: FixtureCase,
  got: Readonly<Record<string, unknown>>,
): void {
  const [comparison, variant] = expectation(fixture, provider);
  const payload = (tensor: { data: Payload; variants?: Record<string, Payload> }): Payload =>
    tensor.variants?.[variant] ?? tensor.data;
  expect(Object.keys(got), `case ${number}`).toEqual(outputs.map(({ name }) => name));
  for (const output of outputs) {
    const path = `cases[${number}].${output.name}`;
    const problem = difference(path, got[output.name ?? ''], output, comparison, payload);
    expect.soft(problem, problem).toBeUndefined();
  }
}

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
    check(fixture, provider, number, one, got);
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
