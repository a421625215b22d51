// A real Prometheus beside the servers: all that deploy/ asks of one must be understood, and be answered.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { findProgram } from '../lib/process.mjs';
import { at } from '../lib/project.mjs';
import { expressions } from './expressions.mjs';

/** Of which nothing is there without a canary, a shadow, a failure, a refusal or a model that is watched. */
const MAY_BE_EMPTY = /canary|watch|shadow|failures_total|batch_size|!="success"|vector\(0\)|up\{/;

/** Starts one that collects the servers' metrics each second, if it is installed. */
export function startPrometheus(folder, port, instances) {
  const program = findProgram('prometheus');
  if (program === null) {
    console.log('        not asked: Prometheus (apt-get install prometheus)');
    return undefined;
  }
  const file = join(folder, 'prometheus.json');
  const targets = instances.map(({ name, port: of }) => ({
    targets: [`127.0.0.1:${of}`],
    labels: { namespace: 'models', pod: name },
  }));
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [at('deploy/prometheus/rules.yaml')],
    scrape_configs: [{ job_name: 'onlite-server', static_configs: targets }],
  };
  writeFileSync(file, JSON.stringify(config));
  const args = [`--config.file=${file}`, `--storage.tsdb.path=${join(folder, 'prometheus')}`];
  return spawn(program, [...args, `--web.listen-address=127.0.0.1:${port}`], { stdio: 'ignore' });
}

async function query(port, expression) {
  const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`;
  const { status, error, data } = await (await fetch(url)).json();
  if (status !== 'success') throw new Error(`${expression}: ${error}`);
  return data.result;
}

/**
 * Asks all that dashboards, autoscalers and rules ask.
 *
 * @returns {Promise<string[]>} what is wrong
 */
export async function checkQueries(port) {
  const problems = [];
  let answered = 0;
  const all = expressions((file) => readFileSync(at('deploy', file), 'utf8'));
  for (const { where, expression, isAlert } of all) {
    const result = await query(port, expression).catch((error) => {
      problems.push(`${where}: ${error.message}`);
      return undefined;
    });
    if (result === undefined) continue;
    if (result.length > 0) answered++;
    else if (!isAlert && !MAY_BE_EMPTY.test(expression))
      problems.push(`${where}: no data: ${expression}`);
  }
  console.log(`        Prometheus: ${all.length} expressions, ${answered} with data`);
  return problems;
}
