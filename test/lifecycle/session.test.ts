import { describe, expect, it } from 'vitest';

import { engines, outcome, passed, runChild } from './child';

const scripts = ['release', 'abort', 'queue', 'collection', 'model-file'];

// A script reports each of its cases; then its process must end by itself.
describe.each(engines)('%s', (engine) => {
  it.each(scripts)('%s', async (script) => {
    const file = `lifecycle/children/${script}.mjs`;
    const child = await runChild(file, [engine], { flags: ['--expose-gc'] });
    expect(outcome(child)).toEqual(passed);
    expect(child.reports.length).toBeGreaterThan(1);
  });
});
