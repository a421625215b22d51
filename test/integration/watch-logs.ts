import { join } from 'node:path';
import { writeFileSync } from 'node:fs';

import { ModelWatch, Profiler, writeProfile } from 'onlite/watch';

/** What {@link writeHistory} has written. */
export interface History {
  readonly logs: string;
  readonly labels: string;
  readonly profile: string;
  readonly start: number;
}

const MINUTE = 60_000;
const HOURS = 12;

/** A value between −1 and 1 that looks like noise and is the same everywhere. */
const wave = (index: number): number => Math.sin(index * 12.9898) * Math.cos(index * 78.233);

/**
 * Half a day of a model of three classes and three features, a row each half minute: version 2 answers
 * from the seventh hour on and is worse, a feature drifts from the ninth hour on, errors of one kind
 * come in the third hour and of another throughout.
 */
export async function writeHistory(folder: string): Promise<History> {
  const start = Date.UTC(2026, 10, 26, 8);
  const logs = join(folder, 'logs');
  const watched = await ModelWatch.open({
    model: 'flowers',
    log: { path: join(logs, 'predictions.jsonl'), maxBytes: 100_000, maxWaitingBytes: 1 << 26 },
  });
  const profiler = new Profiler();
  const labels: string[] = [];
  for (let index = 0; index < HOURS * 120; index++) {
    const time = start + (index * MINUTE) / 2;
    const hour = Math.floor(index / 120);
    const version = hour < 6 ? '1' : '2';
    const drift = hour >= 8 ? 2 : 0;
    const truth = index % 3;
    const x = [wave(index) + drift, wave(index + 5000), truth + 0.1 * wave(index + 9000)];
    const requestId = `r${index}`;
    const inputs = {
      length: { type: 'float32', dims: [1], data: [x[0]] },
      width: { type: 'float32', dims: [1], data: [x[1]] },
      colour: { type: 'float32', dims: [1], data: [x[2]] },
    };
    const isTimeout = hour === 2 && index % 5 === 0;
    const isUnusual = index % 97 === 0;
    const latencyMs = 2 + Math.abs(wave(index + 300)) * (version === '1' ? 1 : 4);
    if (isTimeout || isUnusual) {
      const code = isTimeout ? 'ERR_TIMEOUT' : 'ERR_RUN_FAILED';
      const error = Object.assign(new Error('it <failed>'), { code });
      const far = { ...inputs, width: { type: 'float32', dims: [1], data: [50] } };
      const failed = { requestId, version, time, latencyMs: 100, error };
      watched.record({ ...failed, inputs: isUnusual ? far : inputs });
      continue;
    }
    const isWrong = version === '1' ? index % 20 === 0 : index % 4 === 0;
    const predicted = isWrong ? (truth + 1) % 3 : truth;
    const scores = [0, 1, 2].map((item) => (item === predicted ? 0.8 : 0.1));
    const outputs = { scores: { type: 'float32', dims: [1, 3], data: scores } };
    watched.record({ requestId, version, time, inputs, outputs, latencyMs });
    if (index % 2 === 0) labels.push(JSON.stringify({ requestId, label: truth }));
    const row = { length: x[0]!, width: x[1]!, colour: x[2]! };
    if (hour < 6) profiler.add(row, String(predicted));
  }
  await watched.close();
  // The line that a process which was killed has not written to its end.
  writeFileSync(join(logs, 'cut.jsonl'), '{"time":"2026-11-26T08:00');
  const files = { labels: join(folder, 'labels.jsonl'), profile: join(folder, 'profile.json') };
  writeFileSync(files.labels, labels.join('\n'));
  await writeProfile(files.profile, profiler.finish('categorical'));
  return { logs, ...files, start };
}
