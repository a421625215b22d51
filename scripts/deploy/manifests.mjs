// What Helm and kustomize make, against the published schemas of its kinds and against each other.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { join } from 'node:path';

import { parseAllDocuments } from 'yaml';

import { findProgram, run } from '../lib/process.mjs';
import { at } from '../lib/project.mjs';
import { validateObjects } from './schemas.mjs';
import { goProgram } from './tools.mjs';

const CHART = 'deploy/helm/onlite-server';
/** Of a cluster: the chart is for no older one. */
const KUBERNETES = '1.31.0';

const monitored = ['podMonitor', 'rules', 'dashboard'].map(
  (name) => `monitoring.${name}.enabled=true`,
);
/** Values of the chart that are tried. */
const variants = {
  default: [],
  keda: ['autoscaling.kind=keda', ...monitored],
  hpa: [
    'autoscaling.kind=hpa',
    'autoscaling.queueWaitMilliseconds=100',
    'autoscaling.cpuUtilization=0',
  ],
  secured: [
    ...['tls.existingSecret=tls', 'apiKeys.existingSecret=keys', 'service.headless=true'],
    ...['image.digest=sha256:'.padEnd(84, '0'), 'extraArgs={--workers=2}', ...monitored],
    ...['podLabels.team=a', 'podAnnotations.note=b', 'priorityClassName=high'],
    ...['networkPolicy.egress[0].ports[0].port=443', 'imagePullSecrets[0].name=pull'],
    ...['tolerations[0].operator=Exists', 'nodeSelector.disk=ssd', 'extraEnv[0].name=A'],
    ...[
      'extraVolumes[0].name=v',
      'extraVolumeMounts[0].name=v',
      'extraVolumeMounts[0].mountPath=/v',
    ],
  ],
  bare: [
    ...['serviceAccount.create=false', 'disruptionBudget.enabled=false'],
    ...['networkPolicy.enabled=false'],
  ],
};
/** Values that the chart's schema must refuse. */
const wrong = [
  ...['autoscaling.kind=other', 'autoscale=true', 'shutdown.graceSeconds=0', 'service.restPort=0'],
  ...['image.digest=abc', 'extraArgs={workers}', 'models.mountPath=models', 'replicaCount=many'],
];

const objectsOf = (text) =>
  parseAllDocuments(text)
    .map((document) => {
      if (document.errors.length > 0) throw document.errors[0];
      return document.toJS();
    })
    .filter((object) => object !== null);

/** What an object is about, without names and labels that its maker adds and values that are defaults. */
function essence({ kind, spec, data }) {
  const text = JSON.stringify(spec ?? data, (key, value) => {
    if (key === 'annotations' || key === 'query' || key === 'replicas') return undefined;
    if (key === 'scheme' && value === 'HTTP') return undefined;
    if (key === 'imagePullPolicy' && value === 'IfNotPresent') return undefined;
    if (key === 'type' && value === 'ClusterIP') return undefined;
    return value;
  });
  // Kustomize puts a hash of its content behind a ConfigMap's name.
  const plain = JSON.parse(text.replace(/"onlite-server-[a-z0-9]{10}"/g, '"onlite-server"'));
  if (kind === 'ConfigMap') return JSON.parse(plain['server.json']);
  return plain;
}

function differences(made, other) {
  const problems = [];
  for (const object of other) {
    const { kind } = object;
    if (kind === 'ServiceAccount') continue;
    const same = made.find(
      (each) => each.kind === kind && each.metadata.name.startsWith('onlite-server'),
    );
    if (same === undefined) problems.push(`Helm makes no ${kind}`);
    else if (!isDeepStrictEqual(essence(same), essence(object))) {
      const both = [same, object].map((each) => JSON.stringify(essence(each)));
      problems.push(`${kind}: Helm's ${both[0]}\n        kustomize's ${both[1]}`);
    }
  }
  return problems;
}

/** @returns why nothing was done, if so */
export async function manifests() {
  if (findProgram('go') === null) return 'needs Go, which builds Helm and kustomize';
  const helm = await goProgram('helm');
  const kustomize = await goProgram('kustomize');
  const cwd = at('.');
  const problems = [];
  const objects = [];

  await run(helm, ['lint', '--strict', '--kube-version', KUBERNETES, CHART], { cwd });
  const template = async (values) => {
    const args = ['template', 'onlite-server', CHART, '--kube-version', KUBERNETES];
    return objectsOf(
      await run(helm, [...args, ...values.flatMap((value) => ['--set', value])], { cwd }),
    );
  };
  const charts = {};
  for (const [name, values] of Object.entries(variants)) {
    charts[name] = await template(values);
    objects.push(...charts[name].map((object) => ({ where: `helm ${name}`, object })));
  }
  for (const value of wrong) {
    const taken = await template([value]).then(
      () => true,
      () => false,
    );
    if (taken) problems.push(`helm takes ${value}`);
  }

  const built = {};
  const folder = mkdtempSync(at('deploy/kustomize/.test-'));
  try {
    for (const components of [['keda', 'monitoring'], ['hpa']]) {
      const overlay = join(folder, components[0]);
      mkdirSync(overlay);
      const content = {
        resources: ['../../base'],
        components: components.map((component) => `../../components/${component}`),
      };
      writeFileSync(join(overlay, 'kustomization.yaml'), JSON.stringify(content));
      built[components[0]] = objectsOf(await run(kustomize, ['build', overlay], { cwd }));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  for (const name of ['base', 'example']) {
    built[name] = objectsOf(await run(kustomize, ['build', `deploy/kustomize/${name}`], { cwd }));
  }
  for (const [name, all] of Object.entries(built)) {
    objects.push(...all.map((object) => ({ where: `kustomize ${name}`, object })));
  }
  problems.push(...differences(charts.keda, built.keda));
  problems.push(...differences(await template(['autoscaling.kind=hpa']), built.hpa));

  for (const file of ['serving-runtime', 'inference-service']) {
    const all = objectsOf(readFileSync(at('deploy/kserve', `${file}.yaml`), 'utf8'));
    objects.push(...all.map((object) => ({ where: file, object })));
  }
  problems.push(...(await validateObjects(objects)));
  problems.push(...(await checkConfigs(objects)));
  const kinds = new Set(objects.map(({ object }) => object.kind));
  console.log(
    `        ${objects.length} objects of ${kinds.size} kinds: ${[...kinds].sort().join(', ')}`,
  );
  if (problems.length > 0) throw new Error(problems.join('\n        '));
  return undefined;
}

/** What the server says of each configuration that is in a ConfigMap. */
async function checkConfigs(objects) {
  const problems = [];
  const folder = mkdtempSync(join(tmpdir(), 'onlite-config-'));
  try {
    const models = join(folder, 'models');
    mkdirSync(models);
    for (const { where, object } of objects) {
      const text = object.kind === 'ConfigMap' && object.data['server.json'];
      if (!text) continue;
      const file = join(folder, 'server.json');
      writeFileSync(file, text.replace('/mnt/models', models));
      const args = [at('server/dist/cli/main.js'), '--config', file, '--check'];
      await run(process.execPath, args, { cwd: folder }).catch((error) =>
        problems.push(`${where}: ${error.message}`),
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return problems;
}
