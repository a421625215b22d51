// Compares what the built packages declare with test/api, so that no public name changes unnoticed.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { apiReports, packageOfReport } from './lib/api-report.mjs';
import { reportFailure, SetupError } from './lib/errors.mjs';
import { readJsonOrNull, statOrNull } from './lib/files.mjs';
import { at, ROOT } from './lib/project.mjs';
import { buildTypescript } from './lib/typescript-build.mjs';

const HELP = `usage: node scripts/check-api.mjs [options]

Compares the declarations of every entry point, the server's too, with the reports in test/api.

  --accept             write the reports anew
  --package <folder>   another built package than this one, and only that
`;

const REPORTS = at('test/api');
const BUILT = at('build/api');

const log = (message) => process.stdout.write(`check-api: ${message}\n`);

async function main() {
  const { values } = parseArgs({
    options: {
      accept: { type: 'boolean' },
      package: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  if (values.package === undefined) await buildTypescript(log);
  const folders = values.package === undefined ? [ROOT, at('server')] : [resolve(values.package)];
  const reports = new Map();
  const packages = [];
  for (const folder of folders) {
    for (const [file, text] of await apiReports(folder)) reports.set(file, text);
    packages.push(readJsonOrNull(join(folder, 'package.json')).name);
  }
  if (values.accept) accept(reports, packages);
  else compare(reports, packages);
}

/** The accepted reports of some packages. */
const acceptedOf = (packages) =>
  (statOrNull(REPORTS) ? readdirSync(REPORTS) : []).filter((file) =>
    packages.includes(packageOfReport(file)),
  );

function accept(reports, packages) {
  mkdirSync(REPORTS, { recursive: true });
  for (const name of acceptedOf(packages)) rmSync(join(REPORTS, name));
  for (const [name, text] of reports) writeFileSync(join(REPORTS, name), text);
  log(`wrote ${reports.size} reports in test/api`);
}

function compare(reports, packages) {
  const names = [...new Set([...acceptedOf(packages), ...reports.keys()])].sort();
  const changed = names.filter((name) => acceptedText(name) !== (reports.get(name) ?? ''));
  if (changed.length === 0) {
    log(`${names.length} entry points are as in test/api`);
    return;
  }
  for (const name of changed) process.stdout.write(difference(name, reports.get(name) ?? ''));
  throw new SetupError(
    `the public API is not as in ${changed.map((name) => `test/api/${name}`).join(', ')}`,
    'if it is meant, npm run check:api -- --accept, and tell it in CHANGELOG.md',
  );
}

function acceptedText(name) {
  const file = join(REPORTS, name);
  return statOrNull(file) ? readFileSync(file, 'utf8').replace(/\r\n/g, '\n') : '';
}

/** As git prints it, with the accepted report as the old one. */
function difference(name, text) {
  mkdirSync(BUILT, { recursive: true });
  const built = join(BUILT, name);
  writeFileSync(built, text);
  const before = statOrNull(join(REPORTS, name)) ? join(REPORTS, name) : '/dev/null';
  const args = ['diff', '--no-index', '--no-color', '--no-prefix', '--', before, built];
  return spawnSync('git', args, { encoding: 'utf8' }).stdout;
}

main().catch((error) => reportFailure('check-api', error));
