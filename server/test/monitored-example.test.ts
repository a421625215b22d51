import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect, it } from 'vitest';

import { root } from './support';

it('the example of a service that is watched sees that the pictures change', async () => {
  const script = join(root, 'examples/monitored-service/main.mjs');
  const args = [script, '--port', '0', '--seconds', '10'];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const lines = stdout.trim().split('\n');
  const change = lines.indexOf('from here on another scanner');
  const accuracy = (line = '') => Number(/accuracy ([\d.]+)/.exec(line)?.[1]);
  expect(accuracy(lines[change - 1])).toBeGreaterThan(0.9);
  expect(lines.slice(0, change).join('\n')).not.toContain('alert');
  expect(accuracy(lines.at(-1))).toBeLessThan(0.5);
  expect(lines.at(-1)).toMatch(/6\d of 65 features have drifted, alert: wrong, alert: changed/);
});
