import { describe, expect, it } from 'vitest';

import { outcome, passed, runChild } from './child';

// Whatever else these tests say, they would say so if a child went wrong.
describe('the tests notice', () => {
  it.each([
    ['abort', { code: null, signal: 'SIGABRT', hung: false, last: 'before' }],
    ['crash', { code: null, signal: 'SIGSEGV', hung: false, last: 'before' }],
    ['hang', { hung: true }],
    ['busy hang', { hung: true, last: 'before' }],
    ['lost promise', { code: 13, hung: false, last: 'before' }],
    ['failed case', { code: 0, failures: [{ name: 'failed case' }] }],
  ])('%s', async (way, expected) => {
    const child = await runChild('lifecycle/children/misbehave.mjs', [way], {
      timeoutMs: way.includes('hang') ? 3000 : 20_000,
    });
    expect(outcome(child)).toMatchObject(expected);
    expect(outcome(child)).not.toEqual(passed);
  });
});
