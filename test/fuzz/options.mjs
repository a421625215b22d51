// The command line of the fuzzer.
import { parseArgs } from 'node:util';

export const engines = ['onnxruntime', 'tflite'];

export const usage = `usage: npm run fuzz -- [options]

Runs random sequences of operations on onlite, each round in a process of its own, and checks every
result against a fresh session's.

  --seconds N      how long, all engines together; default 60
  --seed N         of the first round, the next has N + 1, …; by default a random one, printed
  --steps N        one round of N steps with the seed, however long it takes: repeats what was found
  --engine E       onnxruntime or tflite; by default both in turn
  --workers        every round with workers that end at random moments; --no-workers: none.
                   By default each third round
  --asan           with the addon built under AddressSanitizer and UBSan (Linux)
  --verbose        print every step
  --inject KIND    make a fault (result, promise, crash) in the first round, to see it found
  --json           print the summary as JSON
  --help`;

const flags = {
  seconds: { type: 'string' },
  seed: { type: 'string' },
  steps: { type: 'string' },
  engine: { type: 'string' },
  workers: { type: 'boolean' },
  asan: { type: 'boolean' },
  verbose: { type: 'boolean' },
  inject: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean' },
};

/** @throws Error that says what is wrong with the arguments */
export function parseOptions(args) {
  const { values } = parseArgs({ args, options: flags, allowNegative: true });
  const number = (name, missing) => {
    const text = values[name];
    if (text === undefined) return missing;
    if (!/^\d+$/.test(text)) throw new Error(`--${name}: expected a number, got '${text}'`);
    return Number(text);
  };
  const { engine, inject } = values;
  if (engine !== undefined && !engines.includes(engine)) {
    throw new Error(`--engine: expected ${engines.join(' or ')}, got '${engine}'`);
  }
  if (inject !== undefined && !['result', 'promise', 'crash'].includes(inject)) {
    throw new Error(`--inject: expected result, promise or crash, got '${inject}'`);
  }
  return {
    seconds: number('seconds', 60),
    seed: number('seed', Math.floor(Math.random() * 2 ** 31)),
    steps: number('steps', undefined),
    engines: engine === undefined ? engines : [engine],
    workers: values.workers,
    asan: values.asan === true,
    verbose: values.verbose === true,
    json: values.json === true,
    help: values.help === true,
    inject,
  };
}
