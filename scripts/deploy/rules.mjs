// Prometheus's own tool on its rules, their tests and the dashboard's expressions.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { findProgram, run } from '../lib/process.mjs';
import { at } from '../lib/project.mjs';
import { expressions } from './expressions.mjs';
import { stabilityTests } from './stability.mjs';

/** @returns why nothing was done, if so */
export async function rules() {
  const promtool = findProgram('promtool');
  if (promtool === null) return 'needs promtool (apt-get install prometheus)';
  const cwd = at('deploy/prometheus');
  await run(promtool, ['check', 'rules', 'rules.yaml'], { cwd });
  await run(promtool, ['test', 'rules', 'rules.test.yaml'], { cwd });

  // Expressions of others are checked as rules.
  const folder = mkdtempSync(join(tmpdir(), 'onlite-rules-'));
  try {
    const all = expressions((file) => readFileSync(at('deploy', file), 'utf8'));
    const asRules = all.map(({ expression }, index) => ({ record: `r${index}`, expr: expression }));
    const groups = [{ name: 'all', rules: asRules }];
    writeFileSync(join(folder, 'all.json'), JSON.stringify({ groups }));
    await run(promtool, ['check', 'rules', 'all.json'], { cwd: folder });
    writeFileSync(join(folder, 'stability.json'), JSON.stringify(stabilityTests()));
    await run(promtool, ['test', 'rules', 'stability.json'], { cwd: folder });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return undefined;
}
