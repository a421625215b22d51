import { describe, expect, it } from 'vitest';

import { engines, runChild } from '../lifecycle/child';

/**
 * What a resident set may grow by from the first quarter to the end, in MiB. An
 * allocator's fragments are below it; 1,500 sessions that keep as little as a
 * small model's arena, or 15,000 runs that keep 2 kB, are above.
 */
const slackMiB = 24;

async function growth(what: string, engine: string, count: number): Promise<void> {
  const child = await runChild('stress/children/leaks.mjs', [what, engine, String(count)], {
    flags: ['--expose-gc'],
    timeoutMs: 60_000,
    // Arenas of glibc that executor threads took turns in would look like growth.
    env: { MALLOC_ARENA_MAX: '2' },
  });
  expect(child, child.errors).toMatchObject({ code: 0, signal: null, hung: false });
  const sizes = child.reports.map((report) => report['rss'] as number);
  expect(sizes).toHaveLength(4);
  const [first, , , last] = sizes as [number, number, number, number];
  expect(last - first, `MiB at each quarter: ${sizes.map(Math.round).join(', ')}`).toBeLessThan(
    slackMiB,
  );
}

describe.each(engines)('%s: the resident set settles', (engine) => {
  it('over 2,000 sessions created and released', () => growth('sessions', engine, 2000));
  it('over 1,000 sessions forgotten', () => growth('forgotten', engine, 1000));
  it('over 20,000 runs', () => growth('runs', engine, 20_000));
});

describe.each(engines)('%s: a release', (engine) => {
  it('gives the memory of many large models back to the system', async () => {
    const child = await runChild('stress/children/leaks.mjs', ['released', engine, '60'], {
      flags: ['--expose-gc'],
      timeoutMs: 60_000,
    });
    expect(child, child.errors).toMatchObject({ code: 0, signal: null, hung: false });
    const sizes = child.reports.map((report) => report['rss'] as number);
    const [before, loaded, after] = sizes as [number, number, number];
    const all = `MiB before, loaded and released: ${sizes.map(Math.round).join(', ')}`;
    expect(loaded - before, all).toBeGreaterThan(2 * slackMiB);
    expect(after - before, all).toBeLessThan(slackMiB);
  });
});
