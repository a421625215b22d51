// What it costs a server's requests that their model is watched.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { duration } from '../harness/format.mjs';
import { fromRounds } from './contest.mjs';
import { endServers, startOnlite } from './peers.mjs';
import { cpuBetween, cpuTimes } from './processes.mjs';

/** What is looked at of each second is found in the one before. */
const SETTLE_MS = 2000;
const SLICE_MS = 2000;

const kinds = (folder) => ({
  'not watched': {},
  'watch: {}': { watch: {} },
  'watch with log and journal': { watch: { log: { folder }, labels: { folder } } },
  'watch: {sample: 1}': { watch: { sample: 1 } },
});

const limit = { atMost: 1.02 };
const targets = {
  'watch: {}': limit,
  'watch with log and journal': limit,
  // Every request, at a rate at which by default few are.
  'watch: {sample: 1}': undefined,
};

async function slice(load, server, options, ms) {
  return load.while(options(server), async ({ run }) => {
    await run(SETTLE_MS);
    const before = cpuTimes(server.pids);
    const { requests, seconds } = await run(ms);
    const cpu = cpuBetween(before, cpuTimes(server.pids)) / requests;
    return { cpu, perSecond: requests / seconds };
  });
}

/** How many of a server's requests were looked at. */
async function looked(server) {
  const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
  const value = (name) =>
    Number(new RegExp(`^onlite_watch_${name}_total\\{[^}]*\\} (\\d+)`, 'm').exec(text)?.[1] ?? NaN);
  const [requests, skipped] = [value('requests'), value('skipped')];
  return requests / (requests + skipped);
}

/**
 * @param models - of which the first one is asked
 * @param options - by a server, what the client is told
 */
export async function watched(context, load, models, options) {
  const folder = mkdtempSync(join(tmpdir(), 'onlite-watched-'));
  const running = {};
  let measured;
  const measure = async () => {
    for (const [name, serving] of Object.entries(kinds(folder))) {
      running[name] = await startOnlite(models, { serving });
    }
    const ms = context.isQuick ? SLICE_MS / 2 : SLICE_MS;
    const rounds = Object.fromEntries(Object.keys(running).map((name) => [name, []]));
    for (const server of Object.values(running)) await slice(load, server, options, ms);
    for (let round = 1; round <= context.pace.repetitions; round += 1) {
      context.progress(`watched ${round}/${context.pace.repetitions}`);
      for (const [name, server] of Object.entries(running)) {
        rounds[name].push(await slice(load, server, options, ms));
      }
    }
    const shares = {};
    for (const name of Object.keys(targets)) shares[name] = await looked(running[name]);
    return { rounds, shares };
  };
  try {
    for (const [name, target] of Object.entries(targets)) {
      const row = { name: `Add, ${name} / not watched: CPU`, unit: 'ratio', target };
      await context.case(row, async () => {
        measured ??= measure();
        const { rounds, shares } = await measured;
        const [of, without] = [rounds[name], rounds['not watched']];
        const [a, b] = [of, without].map((each) => each.map(({ cpu }) => cpu));
        const ofRounds = a.map((value, round) => value / b[round]);
        const [least, leastWithout] = [Math.min(...a), Math.min(...b)];
        const perSecond = of.map((each) => each.perSecond).sort((x, y) => x - y);
        const rate = perSecond[perSecond.length >> 1].toFixed(0);
        const share = (100 * shares[name]).toFixed(1);
        return fromRounds(least / leastWithout, ofRounds, {
          note: `${duration(least)} / ${duration(leastWithout)}; ${share} % of ${rate} requests/s looked at`,
          details: rounds,
        });
      });
    }
  } finally {
    await endServers(running);
    rmSync(folder, { recursive: true, force: true });
  }
}
