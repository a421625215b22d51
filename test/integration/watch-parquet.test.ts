import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { ModelWatch } from 'onlite/watch';
import { afterEach, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'onlite-parquet-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const of = (extension: string): string[] =>
  readdirSync(folder).filter((name) => name.endsWith(extension));

interface LoggedRow {
  requestId: string;
  features: Record<string, number>;
  prediction: number;
}

describe('a log of Parquet files', () => {
  it('has each request once, in files that other programs read', async () => {
    const watch = await ModelWatch.open({
      model: 'add',
      log: { path: join(folder, 'log.jsonl'), format: 'parquet', maxBytes: 2000, maxFiles: 1000 },
    });
    const count = 100;
    for (let request = 0; request < count; request++) {
      const x = { type: 'float32', dims: [1, 2], data: [request, request % 3 === 0 ? NaN : 0.5] };
      const y = { type: 'float32', dims: [1, 1], data: [request / 2] };
      watch.record({
        requestId: `r${request}`,
        inputs: { x },
        ...(request === 50 ? { error: new Error('a wall') } : { outputs: { y } }),
        latencyMs: 1.5,
        time: Date.UTC(2026, 0, 1) + request,
      });
      await watch.flush();
    }
    await watch.close();
    expect(watch.report().log).toMatchObject({ written: count, dropped: 0 });
    expect(watch.report().log.failure).toBeUndefined();

    const files = of('.parquet');
    expect(files.length).toBeGreaterThan(3);
    // No file that was renamed is left as it was.
    expect(of('.jsonl')).toEqual(['log.jsonl']);
    expect(of('.part')).toEqual([]);
    const rows: Record<string, unknown>[] = [];
    for (const name of files) {
      const file = await asyncBufferFromFile(join(folder, name));
      rows.push(...(await parquetReadObjects({ file })));
    }
    const last = readFileSync(join(folder, 'log.jsonl'), 'utf8').trim().split('\n');
    const ids = last.map((line) => (JSON.parse(line) as LoggedRow).requestId);
    expect([...rows.map(({ requestId }) => requestId), ...ids].sort()).toEqual(
      Array.from({ length: count }, (_, request) => `r${request}`).sort(),
    );
    expect(rows.find(({ requestId }) => requestId === 'r7')).toEqual({
      time: new Date(Date.UTC(2026, 0, 1) + 7),
      requestId: 'r7',
      model: 'add',
      version: '1',
      latencyMs: 1.5,
      error: null,
      scores: null,
      'features.x[0]': 7,
      'features.x[1]': 0.5,
      prediction: 3.5,
    });
    expect(rows.find(({ requestId }) => requestId === 'r9')).toMatchObject({
      'features.x[1]': null,
    });
    const failed = rows.find(({ requestId }) => requestId === 'r50');
    expect(failed).toMatchObject({ prediction: null, error: expect.any(String) as string });
  });

  it('is whole when a program that does nothing else closes it', () => {
    const script = `
      const { ModelWatch } = require('onlite/watch');
      const x = { type: 'float32', dims: [1], data: [1] };
      (async () => {
        const log = { path: process.argv[1], format: 'parquet', maxBytes: 200 };
        const watch = await ModelWatch.open({ model: 'a', log });
        for (let request = 0; request < 3; request++) {
          watch.record({ inputs: { x }, outputs: { y: x } });
          await watch.flush();
        }
        await watch.close();
        console.log('closed');
      })();`;
    const args = ['-e', script, join(folder, 'alone.jsonl')];
    expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toBe('closed\n');
    expect(of('.parquet').length).toBeGreaterThan(0);
  });

  it.each([
    [{ format: 'csv' }, /log\.format: expected jsonl or parquet, got/],
    [{ path: '' }, /log\.path/],
  ])('says what is wrong with %o', async (wrong, message) => {
    const log = { path: join(folder, 'a.jsonl'), ...(wrong as object) };
    await expect(ModelWatch.open({ model: 'a', log })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringMatching(message) as string,
    });
  });
});
