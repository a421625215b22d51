// Writes deploy/prometheus/rules.yaml and deploy/grafana/onlite.json where Helm and kustomize want them, which
// read nothing outside their own folders. A test fails where a copy is another.
//   node scripts/deploy-copies.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

import { at } from './lib/project.mjs';

const text = (file) => readFileSync(at('deploy', file), 'utf8');

/** The Prometheus operator's object of the rules. */
const prometheusRule = (rules) =>
  [
    '# Made from deploy/prometheus/rules.yaml by scripts/deploy-copies.mjs.',
    'apiVersion: monitoring.coreos.com/v1',
    'kind: PrometheusRule',
    'metadata:',
    '  name: onlite-server',
    'spec:',
    rules.replace(/^#.*\n/gm, '').replace(/^(?=.)/gm, '  '),
  ].join('\n');

/** @returns {Record<string, string>} what each file below deploy/ has to contain */
export function deployCopies() {
  const rules = text('prometheus/rules.yaml');
  return {
    'helm/onlite-server/files/rules.yaml': rules.replace(/^#.*\n/gm, ''),
    'helm/onlite-server/files/dashboard.json': text('grafana/onlite.json'),
    'kustomize/components/monitoring/rules.yaml': prometheusRule(rules),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const [file, content] of Object.entries(deployCopies())) {
    writeFileSync(at('deploy', file), content);
  }
}
