import { cpus } from 'node:os';

import { metricsText } from 'onlite/metrics';

import type { Measured } from '../metrics';
import { TRANSPORTS } from '../metrics/request-counts';
import {
  LATENCY_EDGES,
  OUTCOMES,
  PROTOCOLS,
  REQUEST_PHASES,
  type LatencyValues,
  type ServedModel,
} from '../models';
import type { ManagedModel } from '../rollout';
import type { WatchOverview } from '../watch/local-watches';
import { historyOf, watchedVersion } from './watched';

/** What the status page is about. */
export interface Reported extends Measured {
  /** All models, those of which nothing is loaded too. */
  readonly managed: () => readonly ManagedModel[] | Promise<readonly ManagedModel[]>;
  /** Threads that answer requests. */
  readonly threads: number;
}

const TOTAL = REQUEST_PHASES.indexOf('total');

/** What `/status.json` has, of models that its reader may see. */
export function statusDocument(
  { models, counts, version, threads }: Reported,
  managed: readonly ManagedModel[],
  watched: WatchOverview | undefined,
  allows: (model: string) => boolean,
): object {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return {
    server: {
      version,
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
      uptimeSeconds: process.uptime(),
      isReady: models.isReady,
      threads,
    },
    process: {
      cpus: cpus().length,
      cpuSeconds: (user + system) / 1e6,
      residentBytes: rss,
      heapBytes: heapUsed,
    },
    gpus: gpus(),
    edges: LATENCY_EDGES,
    inFlight: Object.fromEntries(
      TRANSPORTS.map((transport, index) => [transport, counts.inFlight(index)]),
    ),
    answers: PROTOCOLS.flatMap((protocol, index) =>
      OUTCOMES.map((outcome) => ({ protocol, outcome, count: counts.count(index, outcome) })),
    ).filter(({ count }) => count > 0),
    models: managed
      .filter(({ name }) => allows(name))
      .map((model) => ({
        name: model.name,
        versions: model.versions.map((each) => {
          const status = models
            .all()
            .find(({ name, version: of }) => name === model.name && of === each.version);
          return {
            version: each.version,
            state: each.state,
            ...(each.reason !== undefined && { reason: each.reason }),
            roles: rolesOf(model, each),
            ...measured(status?.model),
            ...watchedVersion(watched, model.name, each.version),
          };
        }),
      })),
    ...(watched && { history: historyOf(watched, allows) }),
  };
}

function rolesOf(
  { pin, labels, canary, shadow }: ManagedModel,
  { version, isDefault, isDisabled }: ManagedModel['versions'][number],
): string[] {
  return [
    ...(isDefault ? ['default'] : []),
    ...(version === pin ? ['pinned'] : []),
    ...Object.entries(labels).flatMap(([label, of]) => (of === version ? [label] : [])),
    ...(version === canary?.version ? [`canary ${canary.percent} %`] : []),
    ...(version === shadow?.version ? [`shadow ${shadow.percent} %`] : []),
    ...(isDisabled ? ['disabled'] : []),
  ];
}

function measured(model: ServedModel | undefined): object {
  if (model === undefined) return { requests: 0, failed: 0 };
  const { statistics } = model;
  const failed = OUTCOMES.filter((outcome) => outcome !== 'success').reduce(
    (sum, outcome) => sum + statistics.outcomes(outcome),
    0,
  );
  const latency = added(
    PROTOCOLS.flatMap((_, index) => statistics.latency.values(index, TOTAL) ?? []),
  );
  return { requests: statistics.success.count, failed, ...(latency && { latency }) };
}

/** Those of all protocols. */
function added(all: readonly LatencyValues[]): LatencyValues | undefined {
  const [first, ...others] = all;
  return (
    first &&
    others.reduce(
      (sum, { counts, count, sum: seconds }) => ({
        counts: sum.counts.map((each, index) => each + (counts[index] ?? 0)),
        count: sum.count + count,
        sum: sum.sum + seconds,
      }),
      first,
    )
  );
}

/** Those that `onlite/metrics` knows of, which has them from NVIDIA's management library. */
function gpus(): { name: string; usedBytes: number; totalBytes: number }[] {
  const found = new Map<string, { name: string; used: number; free: number }>();
  const lines = metricsText({ process: false }).matchAll(
    /^onlite_gpu_memory_bytes\{gpu="([^"]*)",name="([^"]*)",state="(used|free)"\} (\S+)$/gm,
  );
  for (const [, gpu = '', name = '', state, value] of lines) {
    const each = found.get(gpu) ?? { name, used: 0, free: 0 };
    each[state as 'used' | 'free'] = Number(value);
    found.set(gpu, each);
  }
  return [...found.values()].map(({ name, used, free }) => ({
    name,
    usedBytes: used,
    totalBytes: used + free,
  }));
}
