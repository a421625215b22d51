// One case asked of several servers in turn.
import { spread } from 'onlite/bench';

import { duration } from '../harness/format.mjs';
import { Skip } from '../harness/skip.mjs';

/** Long enough for the JavaScript of a server to be compiled, which takes some thousand requests. */
const WARM_UP_MS = 1500;

/** They answer with what they were sent, whatever it is. */
const ECHOES = new Set(['echo', 'node:http2']);

/** Another server that answers wrongly, or not at all, is left out; ours is not. */
async function answersRightly(load, server, name, { load: optionsOf, check }) {
  try {
    const body = await load.while(optionsOf(server), ({ once }) => once());
    if (!ECHOES.has(name)) check(body);
    return undefined;
  } catch (error) {
    if (server.peer === undefined) throw error;
    return new Skip(`${name}: ${error.message}`);
  }
}

/** Whether our server makes a model's runs where it answers: it depends on how long they take on this machine. */
async function isInline(server, model) {
  if (server === undefined) return undefined;
  const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
  const pattern = new RegExp(
    `^onlite_server_inline_threads\\{[^}]*model="${model}"[^}]*\\} (\\d+)`,
    'm',
  );
  return Number(pattern.exec(text)?.[1]) > 0;
}

/**
 * Nanoseconds of CPU a request by server, one of each interleaved round.
 *
 * @returns `rounds` by server, `missing`, a Skip for each of the others, and how our runs are made
 */
export async function measure(context, load, { running, missing }, one) {
  const sides = {};
  const without = { ...missing };
  for (const name of one.servers.filter((each) => running[each] !== undefined)) {
    const reason = await answersRightly(load, running[name], name, one);
    if (reason === undefined) sides[name] = running[name];
    else without[name] = reason;
  }
  const { sliceMs, repetitions } = context.pace;
  const slice = (server, ms) => load.slice(server, one.load(server), { ms });
  for (const server of Object.values(sides)) await slice(server, WARM_UP_MS);
  const rounds = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
  for (let round = 1; round <= repetitions; round += 1) {
    context.progress(`${one.what} ${round}/${repetitions}`);
    for (const [name, server] of Object.entries(sides)) {
      rounds[name].push((await slice(server, sliceMs)).cpu);
    }
  }
  return { rounds, missing: without, inline: await isInline(sides.onlite, one.model) };
}

const least = (values) => Math.min(...values);

/**
 * A row's fields of `value`, which the least times give, and of what single rounds gave. Where the median of
 * these would be judged otherwise, the machine was too busy to tell.
 */
export function fromRounds(value, rounds, rest) {
  const { interval, min, max } = spread(rounds);
  const [low, high] = interval;
  return { value, interval: [Math.min(low, value), Math.max(high, value)], min, max, ...rest };
}

/** The rows of a case: of its ratios, and of our own time where that has a limit. */
export async function contest(context, load, servers, one) {
  const { what, figure, ratios, atMost } = one;
  let measured;
  const sideOf = async (name) => {
    measured ??= measure(context, load, servers, one);
    const { rounds, missing } = await measured;
    if (rounds[name] === undefined) throw missing[name];
    return rounds[name];
  };
  const placeOf = async () =>
    (await measured).inline ? 'on the thread that answers' : 'on threads of their own';
  if (atMost !== undefined) {
    const row = { name: `${what}: CPU`, unit: 'ns', target: { atMost }, figure };
    await context.case(row, async () => {
      const own = await sideOf('onlite');
      return fromRounds(least(own), own, {
        note: `runs ${await placeOf()}`,
        details: { onlite: own },
      });
    });
  }
  for (const [above, below, target] of ratios) {
    const row = { name: `${what}: CPU, ${above} / ${below}`, unit: 'ratio', target };
    await context.case({ ...row, figure: target && figure }, async () => {
      const [a, b] = [await sideOf(above), await sideOf(below)];
      const ofRounds = a.map((value, round) => value / b[round]);
      // The least of each: what the machine's other work adds is never less than nothing.
      return fromRounds(least(a) / least(b), ofRounds, {
        note: `${duration(least(a))} / ${duration(least(b))}; runs ${await placeOf()}`,
        details: { [above]: a, [below]: b },
      });
    });
  }
}
