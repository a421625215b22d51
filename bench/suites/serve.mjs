import { availableParallelism } from 'node:os';

import { InferenceSession, Tensor } from 'onlite';
import { closedLoop, median } from 'onlite/bench';

import { fromValues } from '../harness/context.mjs';
import { duration } from '../harness/format.mjs';
import { Skip } from '../harness/skip.mjs';
import { modelPath } from '../models/models.mjs';
import { prepareModels } from '../models/prepare.mjs';
import { cases, models } from '../serve/cases.mjs';
import { contest } from '../serve/contest.mjs';
import { Load } from '../serve/load.mjs';
import { endServers, preparePeers, startOnlite, startServers } from '../serve/peers.mjs';
import { needProc, residentBytes } from '../serve/processes.mjs';
import { binaryRequest, floatInputs } from '../serve/requests.mjs';
import { watched } from '../serve/watched.mjs';

export const name = 'serve';
export const description =
  "@onlite/server beside node:http, Triton and kserve: the server's CPU a request, the least of interleaved rounds";
/** Nothing of the raw C programs is needed. */
export const isStandalone = true;

export function prepare(show) {
  prepareModels({ log: show });
  preparePeers(show);
}

const addLoad = ({ port }, connections = 16) => ({
  kind: 'http',
  port,
  connections,
  request: binaryRequest('add', floatInputs({ a: [4], b: [4] })),
});

async function overTheNetwork(context, load) {
  const servers = await startServers(models());
  try {
    for (const one of cases) await contest(context, load, servers, one);
  } finally {
    await endServers(servers.running);
  }
}

/** Requests a second of a server to runs a second in this process, both one run at a time on one thread. */
async function mobileNet(context, load) {
  const row = {
    name: 'MobileNetV2 float32, binary, 4 connections / 4 in flight in process: throughput',
    unit: 'ratio',
    target: { atLeast: 0.9 },
    figure: 'served: MobileNetV2, throughput / in process',
  };
  await context.case(row, async () => {
    const file = modelPath('mobilenet_v2_float32.onnx');
    const session = await InferenceSession.create(file, { intraOpNumThreads: 1 });
    const server = await startOnlite({ mobilenet: { file } });
    try {
      const shapes = session.inputMetadata.map(({ name: input, shape }) => [
        input,
        shape.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : 1)),
      ]);
      const inputs = floatInputs(Object.fromEntries(shapes));
      const feeds = Object.fromEntries(
        Object.entries(inputs).map(([input, { shape, data }]) => [
          input,
          new Tensor('float32', data, shape),
        ]),
      );
      const lanes = Array.from({ length: 4 }, () => () => session.run(feeds));
      const request = binaryRequest('mobilenet', inputs);
      const options = { kind: 'http', port: server.port, request, connections: 4 };
      const ms = Math.max(context.pace.sliceMs, 300);
      const served = [];
      const ratios = [];
      await closedLoop(lanes, { ms });
      await load.slice(server, options, { ms });
      for (let round = 0; round < context.pace.repetitions; round += 1) {
        const { perRun } = await closedLoop(lanes, { ms });
        served.push(await load.slice(server, options, { ms }));
        ratios.push((served.at(-1).perSecond * perRun) / 1e9);
      }
      const cpu = Math.min(...served.map((slice) => slice.cpu)) / 1e6;
      const perSecond = median(served.map((slice) => slice.perSecond));
      const note = `${perSecond.toFixed(0)} requests/s, ${cpu.toFixed(2)} ms of CPU each`;
      return { ...fromValues(ratios, { served }), note };
    } finally {
      await server.end();
      await session.release();
    }
  });
}

/** One thread, two, and a cluster of two processes; each is started when it is needed. */
function settings() {
  const { add } = models();
  const start = {
    one: () => startOnlite({ add }),
    workers: async () => {
      const server = await startOnlite({ add }, { server: { workers: 2 } });
      if (server.workers > 0) return server;
      await server.end();
      throw new Skip('createServer has no option `workers` here');
    },
    cluster: () => startOnlite({ add }, { processes: 2 }),
  };
  const running = {};
  return {
    get: (which) => (running[which] ??= start[which]()),
    end: async () => {
      const all = await Promise.allSettled(Object.values(running));
      await endServers(all.flatMap(({ value }) => value ?? []));
    },
  };
}

async function twoThreads(context, load) {
  const servers = settings();
  const figure = 'served: two worker threads of one process / one';
  const { warmUpMs, sliceMs, repetitions } = context.pace;
  try {
    await context.case(
      {
        name: 'Add, two worker threads / one: throughput',
        unit: 'ratio',
        target: { atLeast: 1.8 },
        figure,
      },
      async () => {
        const cores = availableParallelism();
        if (cores < 4) throw new Skip(`the client needs cores of its own, and there are ${cores}`);
        const [two, one] = [await servers.get('workers'), await servers.get('one')];
        const throughput = async (server, ms) =>
          (await load.slice(server, addLoad(server, 32), { ms })).perSecond;
        for (const server of [two, one]) await throughput(server, warmUpMs);
        const ratios = [];
        for (let round = 0; round < repetitions; round += 1) {
          ratios.push((await throughput(two, sliceMs)) / (await throughput(one, sliceMs)));
        }
        return fromValues(ratios, {});
      },
    );
    await context.case(
      {
        name: 'Add, two worker threads / one: throughput that their CPU a request leaves room for',
        unit: 'ratio',
        target: { atLeast: 1.8 },
      },
      async () => {
        const [two, one] = [await servers.get('workers'), await servers.get('one')];
        const cpu = async (server, ms) =>
          (await load.slice(server, addLoad(server, 32), { ms })).cpu;
        for (const server of [two, one]) await cpu(server, 3 * warmUpMs);
        const sides = { two: [], one: [] };
        for (let round = 0; round < repetitions; round += 1) {
          sides.two.push(await cpu(two, sliceMs));
          sides.one.push(await cpu(one, sliceMs));
        }
        const [of2, of1] = [Math.min(...sides.two), Math.min(...sides.one)];
        return {
          ...fromValues(
            sides.one.map((time, round) => (2 * time) / sides.two[round]),
            sides,
          ),
          value: (2 * of1) / of2,
          note: `2 × ${duration(of1)} / ${duration(of2)}: of CPU times, and no throughput that was seen`,
        };
      },
    );
    for (const [which, what, target] of [
      ['workers', 'two worker threads', { atMost: 1.3 }],
      ['cluster', 'a cluster of two processes', undefined],
    ]) {
      const row = { name: `Add, ${what} / one thread: resident memory`, unit: 'ratio', target };
      await context.case({ ...row, figure: target && figure }, async () => {
        const [many, one] = [await servers.get(which), await servers.get('one')];
        const resident = async (server) => {
          await load.slice(server, addLoad(server), { ms: warmUpMs + sliceMs });
          return residentBytes(server.pids) / 1e6;
        };
        const sizes = [await resident(many), await resident(one)];
        const note = sizes.map((size) => `${size.toFixed(1)} MB`).join(' / ');
        return { value: sizes[0] / sizes[1], note };
      });
    }
  } finally {
    await servers.end();
  }
}

export async function run(context) {
  needProc();
  const load = new Load();
  try {
    await overTheNetwork(context, load);
    await mobileNet(context, load);
    await twoThreads(context, load);
    const { add } = models();
    await watched(context, load, add, ({ port }, name) => ({
      ...addLoad({ port }),
      request: binaryRequest(name, floatInputs({ a: [4], b: [4] })),
    }));
  } finally {
    load.end();
  }
}
