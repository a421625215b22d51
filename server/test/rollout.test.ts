// New versions, broken ones and changes by management, under load: no request fails.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createServer, type FolderChange, type ModelServer } from '@onlite/server';
import { afterEach, describe, expect, it } from 'vitest';

import { call, json } from './support';
import { adds, addVersion, answered, ask, metric, temporaryFolder } from './versions-support';

const folder = temporaryFolder();
let made = 0;
const POLL_MS = 40;

let server: ModelServer;
let port: number;
let managementPort: number;
let changes: string[] = [];
afterEach(() => server.close());

const told = ({ name, version, event, error }: FolderChange) =>
  changes.push(
    [name, version, event, error instanceof Error ? error.message : ''].join(' ').trim(),
  );

/** A server of a folder that has these versions of one model. */
async function started(
  versions: Readonly<Record<number, Readonly<Record<string, string | Uint8Array>>>>,
  config?: object,
  workers = 1,
): Promise<string> {
  const base = join(folder, String(made++), 'models');
  for (const [version, files] of Object.entries(versions)) {
    addVersion(join(base, 'model'), version, files);
  }
  if (config !== undefined) writeFileSync(join(base, 'model/config.json'), JSON.stringify(config));
  changes = [];
  const stateFile = join(base, '../state.json');
  server = createServer({ workers, stateFile });
  await server.addFolder(base, { pollMs: POLL_MS, onChange: told });
  ({ port } = await server.listen(0));
  ({ port: managementPort } = await server.listenManagement(0));
  await expect.poll(() => server.models.isReady).toBe(true);
  return base;
}

/** Requests one after the other over some connections, until it is told to end. @returns what failed */
function load(): { failures: string[]; count: () => number; end: () => Promise<void> } {
  const failures: string[] = [];
  let count = 0;
  let isEnding = false;
  const asking = Array.from({ length: 4 }, async () => {
    while (!isEnding) {
      const { status, text } = await ask(port);
      count++;
      if (status !== 200) failures.push(`${status} ${text}`);
    }
  });
  return {
    failures,
    count: () => count,
    end: async () => {
      isEnding = true;
      await Promise.all(asking);
    },
  };
}

async function manage(
  operation: string,
  body: object = {},
): Promise<{ status: number; body: unknown }> {
  const reply = await call(managementPort, `/manage/models/model/${operation}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json' },
  });
  return { status: reply.status, body: json(reply) };
}

const model = (version: number, more: Record<string, string> = {}) => ({
  'model.onnx': adds(version),
  ...more,
});
const tests = (answer: number): string =>
  JSON.stringify({ tests: [{ name: 'zero', inputs: [0], outputs: [answer] }] });

describe.each([1, ...(process.platform === 'linux' ? [2] : [])])('with %i threads', (workers) => {
  it('swaps versions under load, and keeps the old one where the new one is broken', async () => {
    const base = await started({ 1: model(1, { 'tests.json': tests(1) }) }, undefined, workers);
    const { failures, count, end } = load();
    const swapped = async (version: number) => {
      addVersion(join(base, 'model'), version, model(version, { 'tests.json': tests(version) }));
      await expect.poll(() => answered(port)).toBe(version);
    };
    for (const version of [2, 3, 4]) await swapped(version);
    // Damaged, wrong by its own tests, tests that are none, and no model at all.
    const broken: [Record<string, string | Uint8Array>, RegExp][] = [
      [{ 'model.onnx': adds(5).slice(0, 40) }, /model 5 failed .+/],
      [model(5, { 'tests.json': tests(6) }), /zero: y\[0\]: expected 6, got 5/],
      [model(5, { 'tests.json': '{"tests": [{"inputs": 0}]}' }), /tests\[0\]: expected outputs/],
      [model(5, { 'tests.json': '{"tests": [{"inputs": ["a"], "outputs": 0}]}' }), /tests\.json/],
      [{ 'model.tflite': 'no model' }, /model 5 failed .+/],
    ];
    for (const [files, expected] of broken) {
      changes = [];
      addVersion(join(base, 'model'), 5, files);
      await expect.poll(() => changes.join('\n')).toMatch(expected);
      // Once for each, however often it is looked at.
      await new Promise((resolve) => setTimeout(resolve, POLL_MS * 4));
      expect(changes.filter((change) => change.includes('failed'))).toHaveLength(1);
      expect(await answered(port)).toBe(4);
    }
    expect(json(await call(port, '/v1/models/model'))).toMatchObject({
      model_version_status: [
        { version: '5', state: 'END', status: { error_code: 'UNKNOWN' } },
        { version: '4', state: 'AVAILABLE' },
      ],
    });
    const failed = (reason: string) =>
      metric(port, 'onlite_server_model_load_failures_total', { model: 'model', reason });
    expect(await failed('tests')).toBe(3);
    expect(((await failed('model')) ?? 0) + ((await failed('other')) ?? 0)).toBe(2);
    await swapped(5);
    await end();
    expect(failures).toEqual([]);
    expect(count()).toBeGreaterThan(50);
    expect(await metric(port, 'onlite_server_model_swaps_total')).toBe(4);
    await expect.poll(() => server.models.versions('model')).toHaveLength(1);
  });

  it('rolls back, pins, labels and goes on under load, and remembers', async () => {
    const base = await started({ 1: model(1), 2: model(2), 3: model(3) }, undefined, workers);
    const { failures, end } = load();
    expect(await answered(port)).toBe(3);
    expect(await manage('rollback')).toMatchObject({ status: 200, body: { name: 'model' } });
    expect(await answered(port)).toBe(2);
    expect((await manage('rollback', { version: 1 })).status).toBe(200);
    expect(await answered(port)).toBe(1);
    // Nothing is before it.
    expect(await manage('rollback')).toMatchObject({ status: 400 });
    // What comes is not what was rolled back.
    addVersion(join(base, 'model'), 4, model(4));
    await expect.poll(() => answered(port)).toBe(4);
    expect((await manage('pin', { version: 2 })).status).toBe(200);
    expect(await answered(port)).toBe(2);
    expect((await manage('label', { stable: 2, next: 4 })).status).toBe(200);
    expect(await answered(port, 'model/labels/next')).toBe(4);
    addVersion(join(base, 'model'), 5, model(5));
    const canary = { version: 5, percent: 100, key: { header: 'x-key' } };
    // Copied in just now: it may have to be looked at twice.
    await expect.poll(async () => (await manage('canary', canary)).status).toBe(200);
    expect(await answered(port)).toBe(2);
    expect(await answered(port, 'model', { 'X-Key': 'any' })).toBe(5);
    // Nothing changes where a version is not there, or not right.
    expect(await manage('pin', { version: 9 })).toMatchObject({ status: 404 });
    addVersion(join(base, 'model'), 6, { 'model.onnx': 'broken' });
    await expect.poll(async () => (await manage('pin', { version: 6 })).status).toBe(503);
    expect(await answered(port)).toBe(2);
    await end();
    expect(failures).toEqual([]);

    const state = join(base, '../state.json');
    expect(JSON.parse(readFileSync(state, 'utf8'))).toMatchObject({
      models: { model: { pin: '2', labels: { stable: '2', next: '4' }, disabled: ['3'] } },
    });
    await server.close();
    server = createServer({ stateFile: state });
    await server.addFolder(base, { pollMs: POLL_MS });
    ({ port } = await server.listen(0));
    ({ port: managementPort } = await server.listenManagement(0));
    // A version that is new has to be looked at twice.
    await expect.poll(() => answered(port, 'model', { 'X-Key': 'any' })).toBe(5);
    expect(await answered(port)).toBe(2);
    expect(await answered(port, 'model/labels/next')).toBe(4);
    expect((await ask(port, 'model/versions/3')).status).toBe(404);
    expect((await manage('promote')).status).toBe(200);
    expect(await answered(port)).toBe(5);
    expect((await manage('reset')).status).toBe(200);
    expect(JSON.parse(readFileSync(state, 'utf8'))).toMatchObject({ models: {} });
    // 6 is broken, and 5 is what there is.
    await expect.poll(() => answered(port)).toBe(5);
  });
});

it('follows the configuration beside a model, and keeps the one before where it is wrong', async () => {
  const base = await started(
    { 1: model(1), 2: model(2) },
    { versionPolicy: { all: {} }, labels: { stable: 1 }, warmUp: { requests: [{ inputs: [1] }] } },
  );
  const { failures, end } = load();
  const write = (config: unknown) =>
    writeFileSync(
      join(base, 'model/config.json'),
      typeof config === 'string' ? config : JSON.stringify(config),
    );
  await expect.poll(() => answered(port, 'model/labels/stable')).toBe(1);
  await expect.poll(() => answered(port)).toBe(2);
  changes = [];
  write({ versionPolicy: { all: {} }, concurrency: 2, pin: 1, labels: { stable: 2 } });
  await expect.poll(() => answered(port)).toBe(1);
  await expect.poll(() => changes.sort()).toEqual(['model 1 loaded', 'model 2 loaded']);
  expect(server.models.find('model').session.concurrency).toBe(2);
  write({ pin: 'one' });
  await expect.poll(() => changes.at(-1)).toMatch(/config\.json: pin: /);
  expect(await answered(port)).toBe(1);
  const reply = await call(managementPort, '/manage/models/model');
  expect(json(reply)).toMatchObject({
    pin: '1',
    problem: expect.stringMatching(/config\.json: pin: /) as unknown,
  });
  // The management's is over the configuration's, which holds again when that is forgotten.
  expect((await manage('unpin')).status).toBe(200);
  expect(await answered(port)).toBe(2);
  expect((await manage('label', { stable: null })).status).toBe(200);
  expect((await ask(port, 'model/labels/stable')).status).toBe(400);
  expect((await manage('reset')).status).toBe(200);
  expect(await answered(port)).toBe(1);
  // What is there serves on where the policy wants what is not.
  write({ versionPolicy: { specific: { versions: [9] } } });
  await expect.poll(() => answered(port)).toBe(2);
  // A warm-up that fails is one of the things that a version has to come through.
  write({ versionPolicy: { all: {} }, warmUp: { requests: [{ inputs: ['a'] }] } });
  await expect.poll(() => changes.join('\n')).toMatch(/the warm-up failed/);
  expect(await answered(port)).toBe(2);
  await end();
  expect(failures).toEqual([]);
});

it('unloads and loads, and serves another version in place of one that was unloaded', async () => {
  await started({ 1: model(1), 2: model(2) });
  expect((await manage('unload', { version: 2 })).status).toBe(200);
  expect(await answered(port)).toBe(1);
  expect((await manage('load', { version: 2 })).status).toBe(200);
  expect(await answered(port)).toBe(2);
  expect((await manage('unload')).body).toMatchObject({ isUnloaded: true });
  expect((await ask(port)).status).toBe(404);
  expect((await manage('load')).status).toBe(200);
  expect(await answered(port)).toBe(2);
  expect((await manage('shadow', { version: 2, percent: 1 })).status).toBe(400);
  expect((await manage('shadow', { version: 1, percent: 100 })).status).toBe(200);
  for (let request = 0; request < 10; request++) expect(await answered(port)).toBe(2);
  await expect.poll(() => metric(port, 'onlite_server_shadow_differing_total')).toBe(10);
  expect((await manage('unshadow')).status).toBe(200);
  expect((await manage('abort')).status).toBe(400);
});

it('serves a lower version where the highest is broken from the start', async () => {
  await started({ 1: model(1), 2: { 'model.onnx': 'broken' } });
  expect(await answered(port)).toBe(1);
});

describe('the management port', () => {
  it('says what is wrong with a request', async () => {
    const base = await started({ 1: model(1) });
    const type = { 'Content-Type': 'application/json' };
    const post = (path: string, body: string, headers: Record<string, string> = type) =>
      call(managementPort, path, { method: 'POST', body, headers });
    const of = async (path: string, body: string, headers?: Record<string, string>) => {
      const { status, text } = await post(path, body, headers);
      return `${status} ${(JSON.parse(text) as { error: string }).error}`;
    };
    expect(await of('/manage/models/none/pin', '{"version": 1}')).toMatch(
      /^404 no model is called/,
    );
    expect(await of('/manage/models/model/dance', '{}')).toMatch(/^404 expected one of pin, /);
    expect(await of('/manage/models/model/pin', '{}')).toBe('400 expected version');
    expect(await of('/manage/models/model/pin', '{')).toMatch(/^400 the body is no JSON/);
    expect(await of('/manage/models/model/canary', '{"version": 1, "percent": 101}')).toMatch(
      /^400 percent: expected to be <= 100, got 101/,
    );
    // As a page in a browser could send it.
    expect((await post('/manage/reload', '{}', { 'Content-Type': 'text/plain' })).status).toBe(415);
    expect((await post('/manage/reload', '{}', { ...type, Host: 'evil.example' })).status).toBe(
      421,
    );
    expect((await post('/manage/reload', '')).status).toBe(200);
    // The public port has none of it, and loads nothing for anybody.
    expect((await call(port, '/manage/models')).status).toBe(404);
    const unload = await call(port, '/v2/repository/models/model/unload', { method: 'POST' });
    expect(unload.status).toBe(403);
    expect(existsSync(join(base, '../state.json'))).toBe(false);
  });
});
