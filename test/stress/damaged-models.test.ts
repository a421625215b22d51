import { readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { runChild, type ChildResult } from './hostile/child';
import { conversionMetadata } from './hostile/damage-metadata.mjs';

/**
 * Damaged and truncated models, created and run once in child processes: each
 * gives an OnliteError, or runs. The seed is fixed, so each variant is the same
 * every time. `ONLITE_TEST_SEED` tries others and `ONLITE_TEST_VARIANTS` more.
 */
const seed = Number(process.env['ONLITE_TEST_SEED'] ?? 20261121);
const perModel = Number(process.env['ONLITE_TEST_VARIANTS'] ?? 40);

/** More would be the same fault again and again. */
const maxCrashes = 20;

/** Beyond this a damaged model has made a runtime take memory it should not have. */
const maxMebibytes = 4096;

const root = fileURLToPath(new URL('../../', import.meta.url));
const maxBytes = 3 << 20;

interface Task {
  model: string;
  seed: number;
  first: number;
  last: number;
  /** Damage the CONVERSION_METADATA only. */
  part?: 'metadata';
}

interface KnownCrash {
  model: string;
  seed: number;
  variant: number;
  where: string;
}

/** See test/fixtures/vendor-crashes/README.md. */
const knownCrashes = JSON.parse(
  readFileSync(join(root, 'test/fixtures/vendor-crashes/index.json'), 'utf8'),
) as KnownCrash[];

function modelsOf(extension: string): string[] {
  return ['test/fixtures/models', 'models', 'models/microwakeword'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith(extension))
      .map((name) => join(root, folder, name))
      .filter((file) => statSync(file).size <= maxBytes)
      .sort(),
  );
}

function tasksOf(models: readonly string[]): Task[] {
  return models.map((model) => ({ model, seed, first: 0, last: perModel }));
}

/** Where a child that died was, and what is left to try from there on. */
function resume(tasks: readonly Task[], { reports }: ChildResult): { at: string; rest: Task[] } {
  const last = reports.filter((entry) => typeof entry.variant === 'number').at(-1);
  const index = tasks.findIndex(({ model }) => model === last?.model);
  const task = tasks[index];
  if (last === undefined || task === undefined) throw new Error('the child did not begin');
  const variant = last.variant!;
  return {
    at: `${basename(task.model)} seed ${seed} variant ${variant} (${last.kind})`,
    rest: [{ ...task, first: variant + 1 }, ...tasks.slice(index + 1)],
  };
}

function isKnown(at: string): boolean {
  return knownCrashes.some(({ model, seed: known, variant }) =>
    at.startsWith(`${model} seed ${known} variant ${variant} `),
  );
}

interface Outcome {
  tried: number;
  refused: number;
  ran: number;
  problems: string[];
}

/** Adds one child's reports; each variant has one before it is tried and one after. */
function collect(outcome: Outcome, { reports }: ChildResult): void {
  let at: unknown;
  for (const entry of reports) {
    if (typeof entry.variant === 'number') {
      outcome.tried++;
      at = entry;
    }
    if (entry.ended === 'refused') outcome.refused++;
    if (entry.ended === 'ran') outcome.ran++;
    if (entry.bad !== undefined || Number(entry.rss) > maxMebibytes) {
      outcome.problems.push(`${JSON.stringify(at)}: ${JSON.stringify(entry)}`);
      // The peak stays: what comes after is not to blame.
      if (entry.bad === undefined) break;
    }
  }
}

async function tryAll(all: readonly Task[]): Promise<Outcome> {
  const outcome: Outcome = { tried: 0, refused: 0, ran: 0, problems: [] };
  let tasks = [...all];
  for (let crashes = 0; tasks.length > 0 && crashes < maxCrashes; crashes++) {
    const result = await runChild('damaged-child.mjs', { tasks });
    collect(outcome, result);
    if (result.code === 0) break;
    const { at, rest } = resume(tasks, result);
    const how = result.stalled ? 'hung' : `died of ${result.signal ?? `exit ${result.code}`}`;
    if (!isKnown(at)) outcome.problems.push(`${at} ${how}\n${result.errors}`);
    tasks = rest;
  }
  return outcome;
}

describe.each(['.onnx', '.tflite'])('damaged %s models', (extension) => {
  const models = modelsOf(extension);

  it('give an OnliteError or a run, never a crash or a hang', { timeout: 600_000 }, async () => {
    const outcome = await tryAll(tasksOf(models));
    expect(outcome.problems, `seed ${seed}`).toEqual([]);
    expect(outcome.tried).toBe(models.length * perModel);
    expect(outcome.tried).toBeGreaterThanOrEqual(500);
    // Damage that is never noticed, or always, would be no test.
    expect(outcome.refused).toBeGreaterThan(outcome.tried / 4);
    expect(outcome.ran).toBeGreaterThan(outcome.tried / 50);
  });
});

/** A runtime that reports to a profiler reads it, and trusts every offset in it. */
describe('damaged conversion metadata', () => {
  const models = modelsOf('.tflite').filter((file) => conversionMetadata(readFileSync(file)));

  it('never shows, in a profiled run neither', { timeout: 600_000 }, async () => {
    expect(models.length).toBeGreaterThan(5);
    const outcome = await tryAll(tasksOf(models).map((task) => ({ ...task, part: 'metadata' })));
    expect(outcome.problems, `seed ${seed}`).toEqual([]);
    expect(outcome.tried).toBe(models.length * perModel);
    expect(outcome.refused).toBe(0);
    expect(outcome.ran).toBeGreaterThan(outcome.tried / 2);
  });
});
