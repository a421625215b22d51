import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { InferenceSession, Tensor } from 'onlite';
import { describe, expect, it } from 'vitest';

import { decodeBytes, readStreamFixture, type StreamFixture } from '../fixtures/load';
import { hasSameTfLite } from '../fixtures/same-library';

/** int8 models with variables: 200 steps of a stream, each output depending on those before. */
const names = ['alexa', 'hey_jarvis', 'hey_mycroft', 'okay_nabu'];

function modelPath(fixture: StreamFixture): string {
  const path = fileURLToPath(new URL(`../../models/${fixture.model}`, import.meta.url));
  if (!existsSync(path)) throw new Error(`${fixture.model} is missing: run "npm run setup"`);
  return path;
}

function steps(fixture: StreamFixture): Tensor<'int8'>[] {
  const { buffer } = decodeBytes(fixture.inputs);
  const size = buffer.byteLength / fixture.steps;
  return Array.from(
    { length: fixture.steps },
    (_, step) => new Tensor('int8', new Int8Array(buffer, step * size, size), fixture.input.dims),
  );
}

function outputByte(fixture: StreamFixture, result: Readonly<Record<string, Tensor>>): number {
  const tensor = result[fixture.output.name];
  expect(tensor?.type).toBe(fixture.output.type);
  expect(tensor?.dims).toEqual(fixture.output.dims);
  return (tensor as Tensor<'uint8'>).data[0] ?? NaN;
}

/** Bit-equal to the same library under ctypes, else within one step of the reference. */
function check(fixture: StreamFixture, provider: string, got: readonly number[]): void {
  const isSame = hasSameTfLite();
  const key = `${provider}.${isSame ? 'library' : 'reference'}`;
  const expected = [...decodeBytes(fixture.expected[key] ?? '')];
  expect(expected).toHaveLength(fixture.steps);
  const allowed = isSame ? 0 : 1;
  const wrong = expected.flatMap((value, step) =>
    Math.abs((got[step] ?? NaN) - value) <= allowed
      ? []
      : [`step ${step}: got ${got[step]}, expected ${value}`],
  );
  expect(wrong).toEqual([]);
}

describe.each(names)('microWakeWord %s', (name) => {
  const fixture = readStreamFixture(name);

  it.each(['xnnpack', 'cpu'])('streams as the reference does, %s', async (provider) => {
    await using session = await InferenceSession.create(modelPath(fixture), {
      executionProviders: [provider],
      intraOpNumThreads: 1,
    });
    expect(session.hasVariables).toBe(true);
    expect(session.inputMetadata).toMatchObject([
      { name: fixture.input.name, type: fixture.input.type, shape: fixture.input.dims },
    ]);
    const feeds = steps(fixture).map((step) => ({ [fixture.input.name]: step }));

    const first: number[] = [];
    for (const feed of feeds) first.push(outputByte(fixture, await session.run(feed)));
    check(fixture, provider, first);

    // The strongest step once more, now after the last one: its output depends on the past.
    const peak = first.indexOf(Math.max(...first));
    const outOfContext = await session.run(feeds[peak] ?? {});
    expect(outputByte(fixture, outOfContext)).not.toBe(first[peak]);

    await session.resetVariables();
    const second = feeds.map((feed) => outputByte(fixture, session.runSync(feed)));
    expect(second).toEqual(first);
  });

  it('gives the same with runs queued at once: they keep their order', async () => {
    await using session = await InferenceSession.create(modelPath(fixture), {
      intraOpNumThreads: 1,
    });
    const results = await Promise.all(
      steps(fixture).map((step) => session.run({ [fixture.input.name]: step })),
    );
    check(
      fixture,
      'xnnpack',
      results.map((result) => outputByte(fixture, result)),
    );
  });
});
