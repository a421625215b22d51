import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client, Metadata, credentials, status } from '@grpc/grpc-js';
import { createApiKey } from '@onlite/server';
import { SignJWT, exportJWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { certificates, hasOpenssl, tlsOf } from './certificates';
import {
  HEALTH,
  MODELS,
  PREDICTION,
  V2,
  asItIs,
  callGrpc,
  infer,
  input,
  newClient,
  serveGrpc,
  type GrpcReply,
  type RunningGrpc,
} from './grpc-support';
import { encode, type Message } from './protobuf';

const one = createApiKey('one', ['infer:rows']);
const admin = createApiKey('admin', ['manage:rows']);
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const issuer = 'https://issuer.example';
const audience = 'models';
const models = { rows: 'identity_float32.onnx', others: 'identity_float32.onnx' };

const contents: Message = [[5, [[6, Buffer.from(Float32Array.of(1, 2, 3).buffer)]]]];
const request = (model: string): Message => infer(model, [input('x', 'FP32', [1, 3], contents)]);
const spec = (name: string): Message => [[1, [[1, name]]]];

let running: RunningGrpc;
let token = '';
beforeAll(async () => {
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'a', alg: 'ES256' }] };
  const access = { keys: [one.key, admin.key], tokens: { jwks, issuer, audience } };
  running = await serveGrpc(models, { access, control: true });
  token = await new SignJWT({ scope: 'infer:rows' })
    .setProtectedHeader({ alg: 'ES256', kid: 'a' })
    .setIssuer(issuer)
    .setAudience(audience)
    .setExpirationTime('5m')
    .sign(privateKey);
});
afterAll(async () => {
  running.client.close();
  await running.server.close();
});

/** One call with a key or token. */
function callAs(text: string, path: string, message: Message): Promise<GrpcReply> {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${text}`);
  return new Promise((resolve) => {
    running.client.makeUnaryRequest(
      path,
      asItIs,
      asItIs,
      encode(message),
      metadata,
      (error, value) =>
        resolve({
          code: error?.code ?? status.OK,
          details: error?.details ?? '',
          bytes: value ?? Buffer.alloc(0),
        }),
    );
  });
}

const code = async (text: string, path: string, message: Message) =>
  (await callAs(text, path, message)).code;

describe('keys over gRPC', () => {
  const calls: Record<string, Message> = {
    [`${V2}ModelInfer`]: request('rows'),
    [`${V2}ModelReady`]: [[1, 'rows']],
    [`${V2}ModelMetadata`]: [[1, 'rows']],
    [`${V2}ModelConfig`]: [[1, 'rows']],
    [`${V2}ModelStatistics`]: [[1, 'rows']],
    [`${V2}ServerMetadata`]: [],
    [`${V2}RepositoryIndex`]: [],
    [`${V2}RepositoryModelLoad`]: [[2, 'rows']],
    [`${PREDICTION}GetModelMetadata`]: spec('rows'),
    [`${PREDICTION}Predict`]: spec('rows'),
    [`${PREDICTION}Classify`]: spec('rows'),
    [`${MODELS}GetModelStatus`]: spec('rows'),
    [`${MODELS}HandleReloadConfigRequest`]: [],
  };

  it('are asked for by every method of a model', async () => {
    for (const [path, message] of Object.entries(calls)) {
      expect([path, (await callGrpc(running.client, path, message)).code]).toEqual([
        path,
        status.UNAUTHENTICATED,
      ]);
      expect([path, await code('onl_wrong', path, message)]).toEqual([
        path,
        status.UNAUTHENTICATED,
      ]);
    }
  });

  it('are not asked of probes', async () => {
    for (const path of [`${V2}ServerLive`, `${V2}ServerReady`, `${HEALTH}Check`]) {
      expect([path, (await callGrpc(running.client, path, [])).code]).toEqual([path, status.OK]);
    }
  });

  it('allow what their scopes say, and so do tokens', async () => {
    for (const text of [one.text, token, token]) {
      expect(await code(text, `${V2}ModelInfer`, request('rows'))).toBe(status.OK);
      const other = await callAs(text, `${V2}ModelInfer`, request('others'));
      expect(other.code).toBe(status.PERMISSION_DENIED);
      expect(other.details).toBe("the key or token does not allow 'infer:others'");
      expect(await code(text, `${V2}ModelMetadata`, [[1, 'others']])).toBe(
        status.PERMISSION_DENIED,
      );
      expect(await code(text, `${PREDICTION}Predict`, spec('others'))).toBe(
        status.PERMISSION_DENIED,
      );
      expect(await code(text, `${MODELS}GetModelStatus`, spec('others'))).toBe(
        status.PERMISSION_DENIED,
      );
      expect(await code(text, `${V2}RepositoryModelLoad`, [[2, 'rows']])).toBe(
        status.PERMISSION_DENIED,
      );
    }
    expect(await code(admin.text, `${V2}RepositoryModelLoad`, [[2, 'rows']])).toBe(status.OK);
    expect(await code(admin.text, `${V2}RepositoryModelLoad`, [[2, 'others']])).toBe(
      status.PERMISSION_DENIED,
    );
    expect(await code(admin.text, `${V2}ModelInfer`, request('rows'))).toBe(
      status.PERMISSION_DENIED,
    );
  });

  it('hold for each message of a stream', async () => {
    for (const text of [one.text, token]) {
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${text}`);
      const call = running.client.makeBidiStreamRequest(
        `${V2}ModelStreamInfer`,
        asItIs,
        asItIs,
        metadata,
      );
      const answers: string[] = [];
      await new Promise<void>((resolve, reject) => {
        call.on('data', (bytes: Buffer) => answers.push(bytes.toString('latin1')));
        call.on('end', resolve).on('error', reject);
        call.write(encode(request('rows')));
        call.write(encode(request('others')));
        call.write(encode(request('rows')));
        call.end();
      });
      expect(answers.map((answer) => answer.includes('does not allow'))).toEqual([
        false,
        true,
        false,
      ]);
    }
    const call = running.client.makeBidiStreamRequest(`${V2}ModelStreamInfer`, asItIs, asItIs);
    const failed = new Promise((resolve) => {
      call.on('error', (error: Error & { code: status }) => resolve(error.code));
    });
    call.resume();
    call.write(encode(request('rows')));
    expect(await failed).toBe(status.UNAUTHENTICATED);
  });
});

describe.skipIf(!hasOpenssl)('gRPC over TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'onlite-grpc-tls-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is spoken with certificates, the client’s too where it is told which', async () => {
    const { authority, issued } = certificates(folder);
    const ca = authority('ca');
    const [own, next, friend] = [issued('own', 'ca'), issued('next', 'ca'), issued('friend', 'ca')];
    const tls = { ...tlsOf(own), clientCa: ca.cert };
    const { server, client, grpcPort } = await serveGrpc(models, { tls });
    client.close();
    const connected = async (make: () => ReturnType<typeof credentials.createInsecure>) => {
      const secure = new Client(`127.0.0.1:${grpcPort}`, make(), {
        'grpc.use_local_subchannel_pool': 1,
      });
      try {
        return (await callGrpc(secure, `${V2}ModelInfer`, request('rows'), 5000)).code;
      } finally {
        secure.close();
      }
    };
    const pem = (text: string) => Buffer.from(text);
    const withKey = () => credentials.createSsl(pem(ca.cert), pem(friend.key), pem(friend.cert));
    try {
      expect(await connected(withKey)).toBe(status.OK);
      await server.setTls({ ...tlsOf(next), clientCa: ca.cert });
      expect(await connected(withKey)).toBe(status.OK);
      expect(await connected(() => credentials.createSsl(pem(ca.cert)))).not.toBe(status.OK);
      expect(await connected(() => credentials.createInsecure())).not.toBe(status.OK);
      const plain = newClient(grpcPort);
      expect((await callGrpc(plain, `${V2}ServerLive`, [], 2000)).code).not.toBe(status.OK);
      plain.close();
    } finally {
      await server.close();
    }
  });
});
