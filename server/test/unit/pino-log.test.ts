import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { pinoLog } from '../../lib/logs/pino-log';

it('keeps a message of the log as text in one line, and from the terminal', () => {
  const folder = mkdtempSync(join(tmpdir(), 'onlite-log-'));
  const file = join(folder, 'log');
  const descriptor = openSync(file, 'w');
  const log = pinoLog('info', 'text', descriptor);
  log.info({}, 'model\nonlite-server: all is well\u001b[2J é');
  closeSync(descriptor);
  expect(readFileSync(file, 'utf8')).toBe(
    'onlite-server: model\\nonlite-server: all is well\\u001b[2J é\n',
  );
  rmSync(folder, { recursive: true });
});
