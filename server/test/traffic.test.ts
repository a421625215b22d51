// How a model's requests are spread over its versions.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createServer, type ModelServer } from '@onlite/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { status } from '@grpc/grpc-js';

import { PREDICTION, V2, callGrpc, infer, input, newClient, parameter, raw } from './grpc-support';
import { Packed, decode, floatsOf, inside, texts, type Message } from './protobuf';
import { call, json, post } from './support';
import { adds, answered, ask, metric, temporaryFolder } from './versions-support';

const folder = temporaryFolder();

describe.each([1, ...(process.platform === 'linux' ? [3] : [])])('with %i threads', (workers) => {
  let server: ModelServer;
  let port: number;
  beforeAll(async () => {
    server = createServer({ workers });
    for (const version of [1, 2, 10]) {
      const file = join(folder, `${version}.onnx`);
      writeFileSync(file, adds(version));
      await server.load({ name: 'model', version: String(version), file });
    }
    ({ port } = await server.listen(0));
  });
  afterAll(() => server.close());

  const many = (count: number, headers?: Record<string, string>) =>
    Promise.all(Array.from({ length: count }, () => answered(port, 'model', headers)));
  const oip = async (user: string | number): Promise<string> => {
    const x = { name: 'x', datatype: 'FP32', shape: [1], data: [0] };
    const body = post({ inputs: [x], parameters: { user } });
    const reply = await call(port, '/v2/models/model/infer', body);
    return (json(reply) as { model_version: string }).model_version;
  };

  it('gives requests that name none the highest version, or the pinned one', async () => {
    expect(new Set(await many(20))).toEqual(new Set([10]));
    await server.models.setTraffic('model', { pin: '2', labels: { stable: '1' } });
    expect(new Set(await many(20))).toEqual(new Set([2]));
    expect(await answered(port, 'model/versions/10')).toBe(10);
    expect(await answered(port, 'model/labels/stable')).toBe(1);
    expect((await ask(port, 'model/labels/toString')).status).toBe(400);
    await server.models.setTraffic('model', { disabled: ['10'] });
    expect(new Set(await many(20))).toEqual(new Set([2]));
    expect(await metric(port, 'onlite_server_model_swaps_total', { model: 'model' })).toBe(
      // 1 → 2 → 10 as they were loaded, → 2.
      3,
    );
  });

  it('gives the canary exactly the keys that the hash says', async () => {
    const key = { header: 'X-User' };
    const share = async (percent: number): Promise<Set<number>> => {
      await server.models.setTraffic('model', { canary: { version: '10', percent, key } });
      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, user) =>
          answered(port, 'model', { 'x-user': `user-${user}` }),
        ),
      );
      return new Set(answers.flatMap((answer, user) => (answer === 10 ? [user] : [])));
    };
    const quarter = await share(25);
    // Counted once; another number is another hash.
    expect(quarter.size).toBe(QUARTER);
    // Who has it once, has it again, and with a greater share too.
    expect(await share(25)).toEqual(quarter);
    const half = await share(50);
    expect(half.size).toBe(HALF);
    expect([...quarter].every((user) => half.has(user))).toBe(true);
    expect((await share(100)).size).toBe(200);
    expect((await share(0)).size).toBe(0);
    expect(await metric(port, 'onlite_server_canary_requests_total')).toBe(
      2 * QUARTER + HALF + 200,
    );
    // A request without the key is none of the canary's.
    await server.models.setTraffic('model', { canary: { version: '10', percent: 100, key } });
    expect(new Set(await many(20))).toEqual(new Set([2]));
    expect(await metric(port, 'onlite_server_canary_share', { version: '10' })).toBe(1);
    // Described is what most requests have.
    expect(json(await call(port, '/v1/models/model/metadata'))).toMatchObject({
      model_spec: { version: '2' },
    });
  });

  it('takes the key from a parameter, and the same place for a number', async () => {
    const canary = { version: '10', percent: 50, key: { parameter: 'user' } };
    await server.models.setTraffic('model', { canary });
    for (const user of [1, 2, 3, 4, 5, 6, 7, 8]) {
      expect(await oip(user)).toBe(await oip(String(user)));
    }
    const all = await Promise.all(Array.from({ length: 40 }, (_, user) => oip(user)));
    expect(all.filter((version) => version === '10')).toHaveLength(PARAMETERS);
  });

  it('is spread over gRPC alike', async () => {
    const { port: grpcPort } = await server.listenGrpc(0);
    const client = newClient(grpcPort);
    const x = input('x', 'FP32', [1]);
    const versionOf = async (more: Message, headers: Record<string, string> = {}) => {
      const message = infer('model', [x], [raw(0), ...more]);
      const { code, bytes } = await callGrpc(client, `${V2}ModelInfer`, message, 60_000, headers);
      expect(code).toBe(status.OK);
      return texts(decode(bytes)[2])[0];
    };
    const canary = { version: '10', percent: 50, key: { parameter: 'user' } };
    await server.models.setTraffic('model', { canary });
    for (const user of ['1', '2', '3', '4', '5', '6', '7', '8']) {
      const version = await oip(user);
      expect(await versionOf([parameter(4, 'user', user)])).toBe(version);
      expect(await versionOf([parameter(4, 'user', BigInt(user))])).toBe(version);
    }
    await server.models.setTraffic('model', { canary: { ...canary, key: { header: 'X-User' } } });
    for (let user = 0; user < 8; user++) {
      const headers = { 'x-user': `user-${user}` };
      const version = await answered(port, 'model', headers);
      expect(await versionOf([], headers)).toBe(String(version));
      const spec: Message = [
        [1, [[1, 'model']]],
        [
          2,
          [
            [1, 'x'],
            [2, ZERO],
          ],
        ],
      ];
      const { bytes } = await callGrpc(client, `${PREDICTION}Predict`, spec, 60_000, headers);
      expect(floatsOfPrediction(bytes)).toEqual([version]);
    }
    client.close();
  });

  it('leaves it to chance without a key', async () => {
    await server.models.setTraffic('model', { canary: { version: '10', percent: 50 } });
    const count = (await many(400)).filter((answer) => answer === 10).length;
    // Beyond five standard deviations, which is one time in two million.
    expect(Math.abs(count - 200)).toBeLessThanOrEqual(50);
  });

  it('runs a shadow beside, and counts what differs', async () => {
    const shadow = { version: '10', percent: 100 };
    const counts = async () => ({
      compared: await metric(port, 'onlite_server_shadow_compared_total'),
      differing: await metric(port, 'onlite_server_shadow_differing_total'),
      failed: await metric(port, 'onlite_server_shadow_failed_total'),
      dropped: await metric(port, 'onlite_server_shadow_dropped_total'),
    });
    await server.models.setTraffic('model', { shadow });
    // One after the other: of many at once some would be left out.
    for (let request = 1; request <= 20; request++) {
      expect(await answered(port)).toBe(2);
      await expect
        .poll(counts)
        .toEqual({ compared: request, differing: request, failed: 0, dropped: 0 });
    }
    // 10 is 2 within this.
    await server.models.setTraffic('model', {
      shadow: { ...shadow, tolerance: { absolute: 7, relative: 0.5 } },
    });
    for (let request = 21; request <= 30; request++) {
      expect(await answered(port)).toBe(2);
      await expect
        .poll(counts)
        .toEqual({ compared: request, differing: 20, failed: 0, dropped: 0 });
    }
    // Never beside itself.
    expect(await answered(port, 'model/versions/10')).toBe(10);
    expect(await counts()).toEqual({ compared: 30, differing: 20, failed: 0, dropped: 0 });
  });

  it('serves what there is rather than nothing', async () => {
    await server.models.setTraffic('model', { pin: '7', disabled: ['1', '2', '10'] });
    expect(await answered(port)).toBe(10);
    await server.models.setTraffic('model', { pin: '1', canary: { version: '7', percent: 100 } });
    expect(await answered(port)).toBe(1);
  });

  it('sends requests elsewhere before a version is unloaded', async () => {
    await server.models.setTraffic('model', {});
    let isLoading = true;
    const failures: string[] = [];
    const asking = Array.from({ length: 4 }, async () => {
      while (isLoading) {
        const { status, text } = await ask(port);
        if (status !== 200) failures.push(text);
      }
    });
    for (let round = 0; round < 10; round++) {
      const unloading = server.models.unload('model', '10');
      // Before it has been unloaded.
      const loading = server.load({
        ...{ name: 'model', version: '10', file: join(folder, '10.onnx') },
      });
      await Promise.all([unloading, loading]);
      expect(server.models.find('model').version).toBe('10');
      await Promise.all([loading, server.models.load(server10), server.models.load(server10)]);
    }
    isLoading = false;
    await Promise.all(asking);
    expect(failures).toEqual([]);
    expect(server.models.versions('model')).toHaveLength(3);
  });
  const server10 = { name: 'model', version: '10', file: join(folder, '10.onnx') };
});

/** A TensorProto of one float. */
const ZERO: Message = [
  [1, 1],
  [2, [[2, [[1, 1]]]]],
  [5, new Packed('float', [0])],
];
const floatsOfPrediction = (bytes: Buffer): number[] =>
  floatsOf(inside(inside(decode(bytes), 1), 2)[5]![0]);

const QUARTER = 40;
const HALF = 103;
const PARAMETERS = 25;
