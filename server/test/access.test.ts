import { generateKeyPairSync } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { createApiKey, type AccessOptions } from '@onlite/server';
import { SignJWT, exportJWK, type JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { call, json, post, serve, type Call, type Running } from './support';

const issuer = 'https://issuer.example';
const audience = 'models';
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const others = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

const all = createApiKey('all', ['infer']);
const one = createApiKey('one', ['infer:rows']);
const prefix = createApiKey('prefix', ['infer:ro*']);
const admin = createApiKey('admin', ['manage', 'monitor']);
const old = createApiKey('old', ['infer', 'monitor', 'manage'], '2020-01-01');
const keys = [all, one, prefix, admin, old].map(({ key }) => key);

const body = JSON.stringify({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }],
});
const bearer = (text: string) => ({ authorization: `Bearer ${text}` });
const infer = (headers: Record<string, string>): Call => post(body, headers);

let running: Running;
const jwks = async () => ({
  keys: [{ ...(await exportJWK(publicKey)), kid: 'a', alg: 'ES256' }],
});

async function serveWith(access: AccessOptions, more: object = {}): Promise<Running> {
  const files = { rows: 'identity_float32.onnx', others: 'identity_float32.onnx' };
  return serve(files, { access, ...more });
}

beforeAll(async () => {
  running = await serveWith(
    { keys, tokens: { jwks: await jwks(), issuer, audience } },
    { control: true },
  );
});
afterAll(() => running.server.close());

const status = async (path: string, options?: Call, port = running.port) =>
  (await call(port, path, options)).status;

describe('API keys', () => {
  it('are asked for on every path of a model', async () => {
    const paths: Record<string, Call> = {
      '/v2/models/rows/infer': infer({}),
      '/v2/models/rows': {},
      '/v2/models/rows/ready': {},
      '/v2/models': {},
      '/v2': {},
      '/': {},
      '/v2/repository/index': post({}),
      '/v2/repository/models/rows/load': post({}),
      '/v2/repository/models/rows/unload': post({}),
      '/v1/models/rows': {},
      '/v1/models/rows/metadata': {},
      '/v1/models/rows:predict': post({ instances: [[1, 2, 3]] }),
      '/models/rows/invocations': post(
        { inputs: [[1, 2, 3]] },
        { 'content-type': 'application/json' },
      ),
      '/predictions/rows': post([[1, 2, 3]]),
      '/version': {},
      '/metrics': {},
    };
    for (const [path, options] of Object.entries(paths)) {
      const reply = await call(running.port, path, options);
      expect([path, reply.status]).toEqual([path, 401]);
      expect(reply.headers['www-authenticate']).toBe('Bearer realm="onlite"');
      const headers = { ...options.headers, ...bearer('onl_wrong') };
      const known = await call(running.port, path, { ...options, headers });
      expect([path, known.status]).toEqual([path, 401]);
      expect(known.headers['www-authenticate']).toContain('invalid_token');
    }
  });

  it('are not asked of probes', async () => {
    for (const path of ['/v2/health/live', '/v2/health/ready', '/ping', '/health']) {
      expect([path, await status(path)]).toEqual([path, 200]);
    }
  });

  it('allow what their scopes say', async () => {
    const path = '/v2/models/rows/infer';
    const other = '/v2/models/others/infer';
    for (const { text } of [all, one, prefix]) {
      expect(await status(path, infer(bearer(text)))).toBe(200);
      expect(await status(path, infer({ 'x-api-key': text }))).toBe(200);
    }
    expect(await status(other, infer(bearer(all.text)))).toBe(200);
    for (const { text } of [one, prefix, admin]) {
      const reply = await call(running.port, other, infer(bearer(text)));
      expect(reply.status).toBe(403);
      expect(json(reply)).toEqual({
        error: "the key or token does not allow 'infer:others'",
      });
    }
    // A name in another spelling is the same name.
    expect(await status('/v2/models/%6Fthers/infer', infer(bearer(one.text)))).toBe(403);
    expect(await status('/v1/models/others:predict', infer(bearer(one.text)))).toBe(403);
    expect(await status('/predictions/others', infer(bearer(one.text)))).toBe(403);
    expect(await status('/metrics', { headers: bearer(all.text) })).toBe(403);
    expect(await status('/metrics', { headers: bearer(admin.text) })).toBe(200);
    const load = '/v2/repository/models/rows/load';
    expect(await status(load, post({}, bearer(all.text)))).toBe(403);
    expect(await status(load, post({}, bearer(admin.text)))).toBe(200);
  });

  it('that have expired are refused', async () => {
    expect(await status('/v2', { headers: bearer(old.text) })).toBe(401);
  });

  it('are asked for before the body is read', async () => {
    const headers = { 'content-length': '100000', expect: '100-continue' };
    const reply = await call(running.port, '/v2/models/rows/infer', { method: 'POST', headers });
    expect(reply.status).toBe(401);
    expect(reply.headers.connection).toBe('close');
  });

  it('are refused if they are too long, or twice in the header', async () => {
    expect(await status('/v2', { headers: bearer('x'.repeat(8000)) })).toBe(401);
    expect(await status('/v2', { headers: { authorization: `Bearer ${all.text} x` } })).toBe(401);
    expect(await status('/v2', { headers: { authorization: `Basic ${all.text}` } })).toBe(401);
    expect(await status('/v2', { headers: { authorization: '' } })).toBe(401);
  });

  it('can be replaced while the server runs', async () => {
    const own = await serveWith(
      { keys: [all.key] },
      process.platform === 'linux' ? { workers: 2 } : {},
    );
    try {
      const path = '/v2/models/rows/infer';
      const next = createApiKey('next', ['infer']);
      expect(await status(path, infer(bearer(next.text)), own.port)).toBe(401);
      await own.server.setApiKeys([next.key]);
      // Connections are spread over the threads.
      for (let turn = 0; turn < 20; turn++) {
        expect(await status(path, infer(bearer(next.text)), own.port)).toBe(200);
        expect(await status(path, infer(bearer(all.text)), own.port)).toBe(401);
      }
      const wrong = own.server.setApiKeys([{ ...next.key, hash: 'x' }]);
      await expect(wrong).rejects.toThrow('keys[0].hash');
      expect(await status(path, infer(bearer(next.text)), own.port)).toBe(200);
    } finally {
      await own.server.close();
    }
  });

  it('that are none are named', () => {
    expect(() => createApiKey('a b', ['infer'])).toThrow('key.id');
    expect(() => createApiKey('a', ['inferx'])).toThrow('key.scopes[0]');
    expect(() => createApiKey('a', ['infer:'])).toThrow('key.scopes[0]');
    expect(() => createApiKey('a', ['infer'], 'tomorrow')).toThrow('key.expires');
  });
});

describe('tokens', () => {
  const claims = { scope: 'openid infer:rows' };
  const sign = (
    payload: JWTPayload,
    change: (jwt: SignJWT) => SignJWT = (jwt) => jwt,
    key = privateKey,
    kid = 'a',
  ) =>
    change(
      new SignJWT(payload)
        .setProtectedHeader({ alg: 'ES256', kid })
        .setSubject('somebody')
        .setIssuer(issuer)
        .setAudience(audience)
        .setExpirationTime('5m'),
    ).sign(key);
  const tried = async (token: string, path = '/v2/models/rows/infer') =>
    status(path, infer(bearer(token)));

  it('allow what their scopes say', async () => {
    const token = await sign(claims);
    expect(await tried(token)).toBe(200);
    expect(await tried(token)).toBe(200);
    expect(await tried(token, '/v2/models/others/infer')).toBe(403);
    expect(await tried(await sign({ scope: ['infer'] }), '/v2/models/others/infer')).toBe(200);
    expect(await tried(await sign({}))).toBe(403);
    expect(await tried(await sign({ scope: { infer: true } }))).toBe(403);
  });

  it('of others, for others, too old, changed or without an end are refused', async () => {
    const ago = new Date(Date.now() - 60_000);
    const wrong = {
      issuer: await sign(claims, (jwt) => jwt.setIssuer('https://other.example')),
      audience: await sign(claims, (jwt) => jwt.setAudience('others')),
      expired: await sign(claims, (jwt) => jwt.setExpirationTime(ago)),
      early: await sign(claims, (jwt) => jwt.setNotBefore('1m')),
      key: await sign(claims, undefined, others.privateKey),
      kid: await sign(claims, undefined, privateKey, 'b'),
      endless: await new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', kid: 'a' })
        .setIssuer(issuer)
        .setAudience(audience)
        .sign(privateKey),
      changed: (await sign(claims)).replace(/\.[^.]{4}/, '.eyJh'),
      none: `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(
        JSON.stringify({ ...claims, iss: issuer, aud: audience, exp: 4e9 }),
      ).toString('base64url')}.`,
    };
    for (const [name, token] of Object.entries(wrong)) {
      expect([name, await tried(token)]).toEqual([name, 401]);
    }
  });

  it('of a secret that is the public key are refused', async () => {
    const pem = publicKey.export({ type: 'spki', format: 'pem' });
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', kid: 'a' })
      .setIssuer(issuer)
      .setAudience(audience)
      .setExpirationTime('5m')
      .sign(Buffer.from(pem));
    expect(await tried(token)).toBe(401);
  });

  it('are verified by keys from a URL, and 503 says that these cannot be had', async () => {
    let isThere = false;
    let asked = 0;
    const set = JSON.stringify(await jwks());
    const issuers = createHttpServer((_request, response) => {
      asked++;
      response.writeHead(isThere ? 200 : 500).end(isThere ? set : '');
    });
    await new Promise<void>((resolve) => issuers.listen(0, '127.0.0.1', resolve));
    const { port } = issuers.address() as AddressInfo;
    const own = await serveWith({
      tokens: { jwks: `http://127.0.0.1:${port}/jwks`, issuer, audience },
    });
    try {
      const token = await sign(claims);
      const path = '/v2/models/rows/infer';
      const reply = await call(own.port, path, infer(bearer(token)));
      expect([reply.status, reply.headers['retry-after']]).toEqual([503, '5']);
      isThere = true;
      expect(await status(path, infer(bearer(token)), own.port)).toBe(200);
      expect(await status(path, infer(bearer(token)), own.port)).toBe(200);
      expect(asked).toBe(2);
    } finally {
      await own.server.close();
      issuers.close();
    }
  });

  it('without an issuer or an audience are no option', () => {
    const tokens = { jwks: 'https://a.example', issuer, audience: '' };
    return expect(serveWith({ tokens })).rejects.toThrow('audience');
  });
});
