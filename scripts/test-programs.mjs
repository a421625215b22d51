// Runs programs written with other people's packages, which depend on onnxruntime-node, with that
// and with onlite in its place, compares the results, and prints what each took.
//   node scripts/test-programs.mjs [name...] [--write] [--repeat N]
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { compareProgram, compatPrograms, packOnlite } from './lib/compat-programs.mjs';
import { SetupError } from './lib/errors.mjs';
import { runMain } from './lib/native-tools.mjs';
import { at } from './lib/project.mjs';

const introduction = `# Programs written for onnxruntime-node

<!-- Written by \`npm run test:programs -- --write\`. -->

Packages that depend on onnxruntime-node, installed as they are, with onlite in its place by the
override that \`npx onlite adopt\` writes. Each is run by a program in \`test/compat/programs\` with
onnxruntime-node 1.30.0 and with onlite, and the results are compared. \`npm run test:programs\` runs
them all, with the names of programs those; \`-- --write\` writes this page.

The models that packages load from a hub when they run are not part of what npm installs. Where a
package brings none, its program gives it one by path, which the table names: another package's, or
a generated one of the right inputs and outputs, whose results mean nothing but that both agree.

Each pair of figures is onnxruntime-node's, then onlite's: the whole program with the packages'
loading, the longest time that the event loop stood still, and the largest resident set. Each is
of one run, so that only large differences say something.
`;

const columns = ['Package', 'Program', 'Model', 'Results', 'Time', 'Longest stall', 'Peak memory'];

const pair = (real, onlite, unit) => `${real.toFixed(0)} → ${onlite.toFixed(0)} ${unit}`;

/** Of the program's main called once more, in the same process. */
const againText = (real, onlite) =>
  real === undefined ? '' : `; again ${pair(real, onlite, 'ms')}, × ${(onlite / real).toFixed(2)}`;

function row(name, { real, onlite, differs }) {
  const { packages, does, model, tolerance = 0 } = compatPrograms[name];
  const versions = Object.entries(packages).map(([key, version]) => `${key} ${version}`);
  const equal = tolerance === 0 ? 'equal' : `within ${tolerance}`;
  return [
    versions.join(', '),
    does,
    model,
    differs === null ? equal : 'DIFFERENT',
    pair(real.ms, onlite.ms, 'ms') + againText(real.againMs, onlite.againMs),
    pair(real.stallMs, onlite.stallMs, 'ms'),
    pair(real.peakMiB, onlite.peakMiB, 'MiB'),
  ];
}

const table = (rows) =>
  [columns, columns.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');

await runMain(async () => {
  const options = {
    write: { type: 'boolean', default: false },
    repeat: { type: 'string', default: '1' },
  };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const unknown = positionals.find((name) => !Object.hasOwn(compatPrograms, name));
  if (unknown !== undefined) {
    const known = Object.keys(compatPrograms).join(', ');
    throw new SetupError(`unknown program ${unknown}; there are: ${known}`);
  }
  const names = positionals.length > 0 ? positionals : Object.keys(compatPrograms);
  if (values.write && positionals.length > 0) throw new SetupError('--write writes all programs');
  if (!(Number(values.repeat) >= 1)) throw new SetupError('--repeat takes a number of rounds');
  const archives = await packOnlite();
  const rows = [];
  const failed = [];
  for (const name of names) {
    try {
      const compared = await compareProgram(name, archives, Number(values.repeat));
      rows.push(row(name, compared));
      if (compared.differs !== null) failed.push(`${name}: ${compared.differs}`);
    } catch (error) {
      failed.push(`${name}: ${error.message}`);
    }
    console.error(`ran ${name}`);
  }
  console.log(table(rows));
  if (failed.length > 0) throw new Error(`failed:\n${failed.join('\n')}`);
  if (values.write) writeFileSync(at('docs/programs.md'), `${introduction}\n${table(rows)}\n`);
});
