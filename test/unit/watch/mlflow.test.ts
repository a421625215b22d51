// What a real server says is test/differential/mlflow.mjs's; here are servers that cannot be trusted.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { MlflowClient, resolveModel } from '../../../lib/watch';

let folder = '';
let close: () => void = () => undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'onlite-mlflow-'));
});
afterEach(() => {
  close();
  rmSync(folder, { recursive: true, force: true });
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server whose model has these files. */
const withFiles = (...files: { path: string; is_dir?: boolean }[]): Promise<string> =>
  serve((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://host');
    response.setHeader('content-type', 'application/json');
    if (pathname.endsWith('get-download-uri')) {
      response.end(JSON.stringify({ artifact_uri: 'mlflow-artifacts:/0/run/artifacts/model' }));
    } else if (pathname.endsWith('/artifacts')) {
      response.end(JSON.stringify({ files: files.map((file) => ({ is_dir: false, ...file })) }));
    } else response.end('content');
  });

const resolve = (trackingUri: string): Promise<unknown> =>
  resolveModel('models:/m/1', { trackingUri, folder });

describe('models of a registry', () => {
  it.each([
    'models:/m',
    'models:/m/Production',
    'models:/m/1/2',
    'models:/..@c',
    'runs:/m/1',
    'models:/m@',
    '',
    7,
  ])('refuses the address %j', async (uri) => {
    const options = { trackingUri: 'http://127.0.0.1:9', folder };
    await expect(resolveModel(uri as string, options)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    });
  });

  it.each(['../evil.onnx', '/etc/evil.onnx', 'a/../../evil.onnx', 'a\\..\\evil.onnx', 'C:evil'])(
    'writes nothing outside its folder: %s',
    async (path) => {
      await expect(resolve(await withFiles({ path }))).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
      });
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it.each([
    ['../../outside', 'outside'],
    ['..', '..'],
    ['1/2', '1/2'],
    [{}, '{}'],
    [-1, '-1'],
    [null, 'null'],
    [undefined, '{"name":"m"}'],
  ])('refuses the version %j that a server says, and says it', async (version, shown) => {
    const trackingUri = await serve((_request, response) => {
      response.end(JSON.stringify({ model_version: { name: 'm', version } }));
    });
    await expect(resolveModel('models:/m@best', { trackingUri, folder })).rejects.toMatchObject({
      code: 'ERR_RUN_FAILED',
      message: expect.stringContaining(shown) as string,
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(['', 'no JSON', 'null', '[]', '7', '{"model_version":7}', '{"model_versions":[null]}'])(
    'tells of a server that answers %j',
    async (answer) => {
      const trackingUri = await serve((_request, response) => void response.end(answer));
      const asked = [
        resolveModel('models:/m@best', { trackingUri, folder }),
        resolveModel('models:/m/1', { trackingUri, folder }),
        new MlflowClient({ trackingUri }).startRun('x'),
      ];
      for (const each of await Promise.allSettled(asked)) {
        expect(each).toMatchObject({ status: 'rejected', reason: { code: 'ERR_RUN_FAILED' } });
      }
      const latest = resolveModel('models:/m/latest', { trackingUri, folder });
      const code = answer === '{"model_version":7}' ? 'ERR_MODEL_NOT_FOUND' : 'ERR_RUN_FAILED';
      await expect(latest).rejects.toMatchObject({ code });
    },
  );

  it('gives up folders without an end, and models of other flavours', async () => {
    await expect(resolve(await withFiles({ path: 'a', is_dir: true }))).rejects.toThrow('levels');
    close();
    await expect(resolve(await withFiles({ path: 'model.pkl' }))).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('takes the only model file where there is no MLmodel', async () => {
    const found = await resolve(await withFiles({ path: 'model.tflite' }, { path: 'notes.txt' }));
    expect(found).toMatchObject({ name: 'm', version: '1' });
    expect((found as { path: string }).path.endsWith('model.tflite')).toBe(true);
  });
});

describe('a client', () => {
  it.each([undefined, 'ftp://host', 'host:5000', 'http://'])('refuses the address %j', (uri) => {
    const options = uri === undefined ? {} : { trackingUri: uri };
    expect(() => new MlflowClient(options)).toThrow('trackingUri');
  });

  it('takes user and password from the address, and shows them nowhere', async () => {
    let authorization: string | undefined;
    const address = await serve((request, response) => {
      ({ authorization } = request.headers);
      response.end('{}');
    });
    const trackingUri = address.replace('//', '//me%40home:S3cret%3A@') + '/';
    const client = new MlflowClient({ trackingUri });
    expect(client.trackingUri).toBe(address);
    await expect(client.latestModelVersion('m')).rejects.toMatchObject({
      code: 'ERR_MODEL_NOT_FOUND',
    });
    expect(authorization).toBe(`Basic ${Buffer.from('me@home:S3cret:').toString('base64')}`);
    const withToken = new MlflowClient({ trackingUri, token: 'mine' });
    await expect(withToken.latestModelVersion('m')).rejects.toThrow('no version');
    expect(authorization).toBe('Bearer mine');
    close();
    await expect(client.latestModelVersion('m')).rejects.toThrow(`${address} does not answer`);
    for (const wrong of ['ftp://me:S3cret@host', 'me:S3cret@host', 'http://%zz:S3cret@host']) {
      const make = (): unknown => new MlflowClient({ trackingUri: wrong });
      expect(make).toThrow(/^(?!.*S3cret).*trackingUri/);
    }
  });

  it('says what a server says, and that there is none', async () => {
    const trackingUri = await serve((_request, response) => {
      response.writeHead(403, { 'content-type': 'application/json' });
      response.end('{"error_code":"PERMISSION_DENIED","message":"not yours"}');
    });
    const client = new MlflowClient({ trackingUri });
    await expect(client.startRun('x')).rejects.toMatchObject({
      code: 'ERR_RUN_FAILED',
      message: expect.stringContaining('403 not yours') as string,
    });
    close();
    await expect(client.startRun('x')).rejects.toMatchObject({ code: 'ERR_RUN_FAILED' });
  });

  it('sends its token, and is given up in time or by its signal', async () => {
    let authorization: string | undefined;
    const trackingUri = await serve((request) => {
      ({ authorization } = request.headers);
    });
    const options = { trackingUri, token: 'secret', timeoutMs: 200 };
    const late = new MlflowClient(options).latestModelVersion('m');
    await expect(late).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(authorization).toBe('Bearer secret');
    const signal = AbortSignal.abort();
    const cancelled = new MlflowClient({ trackingUri, signal }).latestModelVersion('m');
    await expect(cancelled).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
  });
});
