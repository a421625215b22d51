// The fuzzer as a command: npm run fuzz -- --seconds 60 --seed 1
import { parseOptions, usage } from './options.mjs';
import { playInProcess } from './play-process.mjs';

const stepsOfRound = 1200;

/** Milliseconds that a promise may wait, and that a process may take beyond its time. */
const patience = { plain: 60_000, sanitized: 300_000 };

/** The settings of each round, for as long as there is time. */
function* rounds(options) {
  const { engines, seed, steps, seconds } = options;
  const end = Date.now() + seconds * 1000;
  const isSanitized = options.asan;
  for (let round = 0; ; round++) {
    for (const [place, engine] of engines.entries()) {
      const isFirst = round === 0 && place === 0;
      if (!isFirst && (steps !== undefined ? round > 0 : Date.now() >= end)) return;
      yield {
        engine,
        seed: seed + round,
        steps: steps ?? stepsOfRound,
        ...(steps === undefined && { until: Math.max(end, Date.now() + 1000) }),
        patience: isSanitized ? patience.sanitized : patience.plain,
        workers: options.workers ?? (steps === undefined && round % 3 === 2),
        verbose: options.verbose,
        ...(isFirst && options.inject && { inject: { kind: options.inject, step: 40 } }),
        ...(options.inject === 'promise' && { patience: 12_000 }),
      };
    }
  }
}

async function main() {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) return console.log(usage);
  const print = options.json ? () => {} : console.log;
  const env = options.asan ? await sanitizedEnvironment() : {};
  print(`seed ${options.seed}`);
  const total = { seed: options.seed, rounds: 0, steps: 0, checks: 0, operations: {} };
  for (const settings of rounds(options)) {
    const limit = (settings.until ?? Date.now() + 600_000) - Date.now() + 2 * settings.patience;
    const result = await playInProcess(settings, limit, env);
    add(total, settings, result);
    if (result.failure !== undefined) {
      total.failure = { ...result.failure, ...settings, replay: replayOf(settings, result) };
      process.exitCode = 1;
      if (!options.json) report(total.failure, result.errors);
      break;
    }
  }
  if (options.json) console.log(JSON.stringify(total));
  else summarise(total);
  return undefined;
}

function add(total, { engine }, { steps = 0, checks, counts }) {
  total.rounds++;
  total.steps += steps;
  total.checks += checks;
  const sums = (total.operations[engine] ??= {});
  for (const [what, count] of Object.entries(counts)) sums[what] = (sums[what] ?? 0) + count;
}

/** The command that makes the same steps again, as far as threads let them be the same. */
function replayOf({ engine, seed, workers }, { steps }) {
  const how = workers ? '--workers' : '--no-workers';
  return `npm run fuzz -- --engine ${engine} --seed ${seed} --steps ${steps} ${how}`;
}

function report({ engine, seed, step, operation, message, replay }, errors) {
  console.log(`\nFAILED: ${engine}, seed ${seed}, step ${step} (${operation})\n${message}`);
  if (errors) console.log(`\nthe end of its stderr:\n${errors}`);
  console.log(`\nto repeat: ${replay}\n`);
}

function summarise({ seed, rounds: count, steps, checks, operations, failure }) {
  for (const [engine, counts] of Object.entries(operations)) {
    console.log(`\n${engine}`);
    for (const what of Object.keys(counts).sort()) {
      console.log(`  ${what.padEnd(28)}${String(counts[what]).padStart(9)}`);
    }
  }
  const result = failure === undefined ? 'nothing found' : 'FAILED';
  console.log(`\nseed ${seed}: ${count} rounds, ${steps} steps, ${checks} checks: ${result}`);
}

/** Builds the sanitized addon if need be. */
async function sanitizedEnvironment() {
  const { buildSanitized } = await import('../../scripts/lib/sanitized.mjs');
  return buildSanitized();
}

try {
  await main();
} catch (error) {
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
