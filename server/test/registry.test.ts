// Models that are named by their address in an MLflow registry. test/differential/mlflow.mjs asks a real one.
import { writeFileSync } from 'node:fs';
import { createServer as createHttp, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { createServer, type FolderChange, type ModelServer } from '@onlite/server';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { adds, answered, temporaryFolder } from './versions-support';
import { call } from './support';

/** What version 1, 2 and 3 of the model are: they add their number, and the third is broken. */
const files: Record<string, Uint8Array> = { 1: adds(1), 2: adds(2), 3: Buffer.from('no model') };
let champion = '1';
/** It takes requests and answers none. */
let hangs = false;
/** How often it was asked what the alias stands for. */
let asked = 0;
let registry: Server;
let server: ModelServer;
let changes: FolderChange[];

beforeEach(async () => {
  [champion, hangs, asked, changes] = ['1', false, 0, []];
  registry = createHttp((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://registry');
    const version = /\/([123])\//.exec(`${pathname}${searchParams.get('path') ?? ''}/`)?.[1] ?? '';
    const reply = (value: unknown): void => void response.end(JSON.stringify(value));
    response.setHeader('content-type', 'application/json');
    if (pathname.endsWith('registered-models/alias')) {
      asked++;
      if (hangs) return;
      reply({ model_version: { name: 'sum', version: champion } });
    } else if (pathname.endsWith('get-download-uri')) {
      reply({ artifact_uri: `mlflow-artifacts:/sum/${searchParams.get('version')}` });
    } else if (pathname.endsWith('/artifacts')) {
      reply({ files: [{ path: 'model.onnx', is_dir: false }] });
    } else response.end(files[version]);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => registry.once('listening', resolve));
  vi.stubEnv('ONLITE_DATA_PATH', temporaryFolder());
  vi.stubEnv('MLFLOW_TRACKING_URI', `http://127.0.0.1:${(registry.address() as AddressInfo).port}`);
  server = createServer({ onChange: (change) => changes.push(change) });
});
afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  await server.close();
  registry.closeAllConnections();
  await new Promise((resolve) => registry.close(resolve));
});

async function servedVersion(port: number): Promise<readonly string[]> {
  const { text } = await call(port, '/v2/models/sum');
  return (JSON.parse(text) as { versions: string[] }).versions;
}

const named = (path: string) => ({ server: { pollSeconds: 10, models: { sum: { path } } } });

/** Lets the time pass after which the registry is asked again, and waits until it is. */
async function poll(): Promise<void> {
  const before = asked;
  await vi.waitFor(async () => {
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked).toBeGreaterThan(before);
  });
}

describe('a model of a registry', () => {
  it('is served under its version there; where its alias moves, that version takes its place', async () => {
    await server.configure({ server: { models: { sum: { path: 'models:/sum@champion' } } } });
    const { port } = await server.listen(0);
    expect(await servedVersion(port)).toEqual(['1']);
    expect(await answered(port, 'sum')).toBe(1);
    champion = '2';
    await server.reload();
    expect(await servedVersion(port)).toEqual(['2']);
    expect(await answered(port, 'sum')).toBe(2);
    expect(changes).toEqual([{ name: 'sum', version: '2', event: 'loaded' }]);
    champion = '1';
    await server.reload();
    expect(await answered(port, 'sum')).toBe(1);
  });

  it('that is broken leaves the one before serving', async () => {
    await server.configure({ server: { models: { sum: { path: 'models:/sum@champion' } } } });
    const { port } = await server.listen(0);
    champion = '3';
    await expect(server.reload()).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' });
    expect(changes).toMatchObject([{ name: 'sum', version: '3', event: 'failed' }]);
    expect(await answered(port, 'sum')).toBe(1);
  });

  it('keeps versions that are pinned or labelled until they are named no more', async () => {
    const { manager } = server;
    await server.configure({ server: { models: { sum: { path: 'models:/sum@champion' } } } });
    const { port } = await server.listen(0);
    await manager.pin('sum', '1');
    await manager.label('sum', { stable: '1' });
    champion = '2';
    await server.reload();
    expect(await servedVersion(port)).toEqual(['2', '1']);
    expect(await answered(port, 'sum')).toBe(1);
    await manager.unpin('sum');
    expect(await answered(port, 'sum')).toBe(2);
    expect(await answered(port, 'sum/labels/stable')).toBe(1);
    await manager.label('sum', { stable: null });
    expect(await servedVersion(port)).toEqual(['2']);
  });

  it('stays where the version in its place is disabled, until that is served', async () => {
    await server.configure({ server: { models: { sum: { path: 'models:/sum@champion' } } } });
    const { port } = await server.listen(0);
    champion = '2';
    await server.reload();
    await server.manager.unload('sum', '2');
    changes = [];
    champion = '1';
    await server.reload();
    champion = '2';
    await server.reload();
    expect(await answered(port, 'sum')).toBe(1);
    expect(changes).toEqual([{ name: 'sum', version: '1', event: 'loaded' }]);
    await server.manager.load('sum', '2');
    expect(await servedVersion(port)).toEqual(['2']);
    expect(await answered(port, 'sum')).toBe(2);
  });

  it('leaves the versions alone that a program has loaded', async () => {
    const file = join(temporaryFolder(), 'model.onnx');
    writeFileSync(file, adds(7));
    await server.load({ name: 'sum', version: '7', file });
    await server.configure({ server: { models: { sum: { path: 'models:/sum@champion' } } } });
    const { port } = await server.listen(0);
    champion = '2';
    await server.reload();
    expect(await servedVersion(port)).toEqual(['7', '2']);
    await server.configure({ server: { models: { sum: { path: file } } } });
    expect(await servedVersion(port)).toEqual(['7', '1']);
    expect(await answered(port, 'sum')).toBe(7);
  });

  it('that is broken is tried and told of once, not at each poll, and forgotten when it goes', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    await server.configure(named('models:/sum@champion'));
    const load = vi.spyOn(server.models, 'load');
    champion = '3';
    for (let times = 0; times < 4; times++) await poll();
    await vi.waitFor(() => expect(server.models.versions('sum')).toHaveLength(2));
    await poll();
    await poll();
    expect(load).toHaveBeenCalledTimes(1);
    expect(changes).toMatchObject([{ name: 'sum', version: '3', event: 'failed' }]);
    await expect(server.reload()).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' });
    expect(load).toHaveBeenCalledTimes(2);
    champion = '1';
    await server.reload();
    expect(server.models.versions('sum').map(({ version }) => version)).toEqual(['1']);
    expect(changes).toHaveLength(1);
    champion = '3';
    await expect(server.reload()).rejects.toThrow();
    expect(changes).toHaveLength(2);
  });

  it('that is broken and named no more leaves the server ready', async () => {
    const sum = { path: 'models:/sum/1' };
    const bad = join(temporaryFolder(), 'bad.onnx');
    writeFileSync(bad, 'no model');
    const both = server.configure({ server: { models: { sum, bad: { path: bad } } } });
    await expect(both).rejects.toMatchObject({ code: 'ERR_MODEL_INVALID' });
    expect(server.models.isReady).toBe(false);
    await server.configure({ server: { models: { sum } } });
    await vi.waitFor(() => expect(server.models.names).toEqual(['sum']));
    expect(server.models.isReady).toBe(true);
  });

  it('waits for no registry that hangs where it is closed or configured anew', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    await server.configure(named('models:/sum@champion'));
    hangs = true;
    await poll();
    await server.configure(named('models:/sum/2'));
    expect(server.models.find('sum').version).toBe('2');
    const before = asked;
    const configured = server.configure(named('models:/sum@champion'));
    const cancelled = expect(configured).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    await vi.waitFor(() => expect(asked).toBeGreaterThan(before));
    await server.close();
    await cancelled;
    expect(changes).toEqual([{ name: 'sum', version: '2', event: 'loaded' }]);
  });

  it('is asked about by one timer, whatever configurations overlap', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const config = named('models:/sum@champion');
    await Promise.all([server.configure(config), server.configure(config), server.reload()]);
    expect(vi.getTimerCount()).toBe(1);
    await server.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('of a number that was fetched before needs no registry', async () => {
    await server.configure({ server: { models: { sum: { path: 'models:/sum/2' } } } });
    await server.close();
    registry.closeAllConnections();
    await new Promise((resolve) => registry.close(resolve));
    server = createServer({});
    await server.configure({ server: { models: { sum: { path: 'models:/sum/2' } } } });
    const { port } = await server.listen(0);
    expect(await answered(port, 'sum')).toBe(2);
  });

  it.each(['sum', 'sum/x', 'sum/1/2', '..@c', 'sum@', ''])(
    'is refused at models:/%s by the start, and by the check alike',
    async (rest) => {
      const path = `models:/${rest}`;
      await expect(server.configure(named(path))).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
      });
      await expect(server.reload()).rejects.toMatchObject({ problems: [{ file: path }] });
      expect(asked).toBe(0);
    },
  );

  it('that nobody answers for is told of', async () => {
    vi.stubEnv('MLFLOW_TRACKING_URI', 'http://127.0.0.1:9');
    const configured = server.configure({
      server: { models: { sum: { path: 'models:/sum@champion' } } },
    });
    await expect(configured).rejects.toMatchObject({ code: 'ERR_RUN_FAILED' });
  });
});
