// What it costs a server's requests that their model is watched.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { duration } from '../harness/format.mjs';
import { fromRounds } from './contest.mjs';
import { startOnlite } from './peers.mjs';
import { cpuBetween, cpuTimes } from './processes.mjs';

/** What is looked at of each second is found in the one before. */
const SETTLE_MS = 1500;
const SLICE_MS = 1500;

/**
 * Models of one process, asked in turn: processes of the same program differ by more than what is to be seen.
 * The first is not watched.
 */
const servings = (folder) => ({
  plain: {},
  watched: { watch: {} },
  logged: { watch: { log: { folder }, labels: { folder } } },
  whole: { watch: { sample: 1 } },
});

const limit = { atMost: 1.02 };
const rows = [
  { model: 'watched', name: 'Add, watch: {} / not watched: CPU', target: limit },
  { model: 'logged', name: 'Add, watch with log and journal / not watched: CPU', target: limit },
  // Every request, at a rate at which by default few are.
  { model: 'whole', name: 'Add, watch: {sample: 1} / not watched: CPU', target: undefined },
];

async function slice(load, server, options, ms) {
  return load.while(options, async ({ run }) => {
    await run(SETTLE_MS);
    const before = cpuTimes(server.pids);
    const { requests, seconds } = await run(ms);
    const cpu = cpuBetween(before, cpuTimes(server.pids)) / requests;
    return { cpu, perSecond: requests / seconds };
  });
}

/** How many of a model's requests were looked at. */
async function looked(server, model) {
  const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
  const value = (name) => {
    const pattern = `^onlite_watch_${name}_total\\{[^}]*model="${model}"[^}]*\\} (\\d+)`;
    return Number(new RegExp(pattern, 'm').exec(text)?.[1] ?? NaN);
  };
  const [requests, skipped] = [value('requests'), value('skipped')];
  return requests / (requests + skipped);
}

/**
 * @param model - that is asked
 * @param options - by a server and a model's name, what the client is told
 */
export async function watched(context, load, model, options) {
  const folder = mkdtempSync(join(tmpdir(), 'onlite-watched-'));
  const kinds = servings(folder);
  const names = Object.keys(kinds);
  let server;
  let measured;
  const measure = async () => {
    server = await startOnlite(Object.fromEntries(names.map((name) => [name, model])), {
      servings: kinds,
    });
    const ms = context.isQuick ? SLICE_MS / 2 : SLICE_MS;
    const rounds = Object.fromEntries(names.map((name) => [name, []]));
    const ask = (name) => slice(load, server, options(server, name), ms);
    for (const name of names) await ask(name);
    for (let round = 1; round <= context.pace.repetitions; round += 1) {
      context.progress(`watched ${round}/${context.pace.repetitions}`);
      // Each round begins with another one, so that none is always the first or after the same one.
      for (let index = 0; index < names.length; index += 1) {
        const name = names[(index + round) % names.length];
        rounds[name].push(await ask(name));
      }
    }
    const shares = {};
    for (const { model: name } of rows) shares[name] = await looked(server, name);
    return { rounds, shares };
  };
  try {
    for (const { model: name, ...row } of rows) {
      await context.case({ ...row, unit: 'ratio' }, async () => {
        measured ??= measure();
        const { rounds, shares } = await measured;
        const [of, without] = [rounds[name], rounds.plain];
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
    await server?.end();
    rmSync(folder, { recursive: true, force: true });
  }
}
