// npm run bench: the runner of every suite.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { Context } from './harness/context.mjs';
import { describeMachine } from './harness/machine.mjs';
import { BENCH } from './harness/paths.mjs';
import { Progress } from './harness/progress.mjs';
import { buildRaw, endRawPrograms } from './harness/raw.mjs';
import { markdown, markdownWith, rowLine } from './harness/report.mjs';
import { Skip } from './harness/skip.mjs';
import { prepareModels } from './models/prepare.mjs';

const order = [
  'tiny',
  'large-output',
  'vision',
  'concurrency',
  'batching',
  'carry',
  'gpu',
  'start',
  'memory',
  'pool',
  'histogram',
  'metrics',
  'numbers',
  'serve',
  'serve-life',
  'cancellation',
  'peers',
  'optimize',
];

const HELP = `usage: npm run bench -- [options] [SUITE...]

Suites: ${order.join(', ')}. Without a name, all of them.

  --quick         a tenth of the time; for a look, not for publishing
  --repetitions N slices of each side of a comparison, in place of the pace's 7 or 20
  --only TEXT     only cases whose name contains TEXT
  --soak-minutes N  of serve-life, in place of the pace's 1 or 15
  --json FILE     write everything that was measured
  --write         write bench/RESULTS.md; of suites that are named, their sections of it, and
                  with --only these rows of them
  --prepare       make the MobileNetV2 models that are missing, in a Python environment of their
                  own (build/bench-venv), and what the suites that are named need of their own
                  (optimize needs no other; serve: Triton and kserve); stop if none
                  is named
  --python VENV   a virtual environment: of requirements.txt for --prepare, of onnxruntime and
                  ai-edge-litert for the Python peers
`;

async function loadSuites(names) {
  const files = readdirSync(join(BENCH, 'suites')).filter((file) => file.endsWith('.mjs'));
  const rank = (suite) => (order.includes(suite.name) ? order.indexOf(suite.name) : order.length);
  const urls = files.map((file) => pathToFileURL(join(BENCH, 'suites', file)).href);
  const all = (await Promise.all(urls.map((url) => import(url)))).sort((a, b) => rank(a) - rank(b));
  const unknown = names.find((name) => !all.some((suite) => suite.name === name));
  if (unknown !== undefined) throw new Error(`no suite is called ${unknown}`);
  return names.length === 0 ? all : all.filter((suite) => names.includes(suite.name));
}

async function runSuite(suite, { options, progress, rows }) {
  console.log(`${suite.name}: ${suite.description}`);
  const context = new Context({
    suite: suite.name,
    pace: options.quick ? 'quick' : 'full',
    progress,
    options,
    onRow: (row) => {
      progress.clear();
      rows.push(row);
      console.log(rowLine(row));
    },
  });
  try {
    await suite.run(context);
  } catch (error) {
    progress.clear();
    if (!(error instanceof Skip)) throw error;
    console.log(`  skipped: ${error.message}`);
  }
}

/** The command as it is published: what was measured, without this machine's paths. */
function commandLine(options, suites) {
  const flags = ['quick', 'write', 'prepare'].filter((name) => options[name]);
  const words = [
    ...flags.map((name) => `--${name}`),
    ...(options.repetitions === undefined ? [] : ['--repetitions', options.repetitions]),
    ...(options['soak-minutes'] === undefined ? [] : ['--soak-minutes', options['soak-minutes']]),
    ...(options.only === undefined ? [] : ['--only', JSON.stringify(options.only)]),
    ...(options.python === undefined ? [] : ['--python', 'VENV']),
    ...suites,
  ];
  return ['npm run bench', ...(words.length > 0 ? ['--', ...words] : [])].join(' ');
}

function writeResults(results, isPart) {
  const path = join(BENCH, 'RESULTS.md');
  const adds = isPart && existsSync(path);
  writeFileSync(path, adds ? markdownWith(readFileSync(path, 'utf8'), results) : markdown(results));
}

async function main() {
  const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      repetitions: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'string' },
      'soak-minutes': { type: 'string' },
      write: { type: 'boolean', default: false },
      prepare: { type: 'boolean', default: false },
      python: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (options.help) {
    console.log(HELP);
    return;
  }
  const progress = new Progress();
  const suites = await loadSuites(positionals);
  const isAlone = suites.every((suite) => suite.isStandalone);
  const show = (text) => progress.show(text);
  if (options.prepare) {
    if (!isAlone) prepareModels({ venv: options.python, log: show });
    progress.clear();
    if (positionals.length === 0) return;
    for (const suite of suites) suite.prepare?.(show);
  }
  if (!isAlone) {
    show('building the raw C programs');
    buildRaw();
  }
  progress.clear();

  const command = commandLine(options, positionals);
  const rows = [];
  for (const suite of suites) await runSuite(suite, { options, progress, rows });
  endRawPrograms();

  // Not before: it loads an ONNX Runtime, and a suite may bring its own.
  const machine = describeMachine();
  const pace = options.quick ? 'quick' : 'full';
  const described = suites.map(({ name, description }) => ({ name, description }));
  const { only } = options;
  const results = { format: 1, machine, command, pace, only, suites: described, rows };
  if (options.json) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  if (options.write) writeResults(results, positionals.length > 0);
  const withTarget = rows.filter((row) => row.met !== undefined);
  const missed = withTarget.filter((row) => !row.met).length;
  const failed = rows.filter((row) => row.failed);
  console.log(
    `${rows.length} cases; targets: ${withTarget.length - missed} met, ${missed} missed, ` +
      `${rows.filter((row) => row.undecided).length} undecided; ` +
      `${rows.filter((row) => row.skipped).length} skipped, ${failed.length} failed`,
  );
  for (const { failed: stack } of failed) console.error(stack);
  if (failed.length > 0) process.exitCode = 1;
}

await main();
