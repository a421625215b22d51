import { MeasureError, measureInProcess } from './process';
import type { BlockLimit, MeasureRequest, ProcessResult } from './protocol';
import type { Setting } from './setting';

/** How much is measured of each setting. */
export interface Protocol {
  /** Processes of each setting: what differs from start to start shows between them. */
  readonly processes: number;
  /** Blocks in each process. */
  readonly blocks: number;
  readonly total: { readonly seconds: number } | { readonly runs: number };
  readonly warmUpMs: number;
  readonly profileRuns: number;
}

export interface ScheduleOptions extends Protocol {
  readonly settings: readonly Setting[];
  /** What a model is fed: `--input` values. */
  readonly inputs: (model: string) => readonly string[];
  readonly shapes: readonly string[];
  readonly signature?: string;
  /** Where the measurement is; `step` counts processes from 0. */
  readonly onProgress: (at: {
    readonly step: number;
    readonly steps: number;
    readonly setting: number;
    readonly stage: string;
    readonly done: number;
  }) => void;
}

export interface SettingOutcome {
  readonly results: readonly ProcessResult[];
  readonly failed?: { readonly code: string; readonly message: string };
}

/** The blocks of process `index`: equal times, or as equal numbers of runs as there can be. */
export function blockLimits(
  { processes, blocks, total }: Pick<Protocol, 'processes' | 'blocks' | 'total'>,
  index: number,
): BlockLimit[] {
  const all = processes * blocks;
  if ('seconds' in total) {
    return Array.from({ length: blocks }, () => ({ ms: (total.seconds * 1000) / all }));
  }
  const limits: BlockLimit[] = [];
  for (let block = 0; block < blocks; block++) {
    const number = index * blocks + block;
    const runs =
      Math.floor(((number + 1) * total.runs) / all) - Math.floor((number * total.runs) / all);
    if (runs > 0) limits.push({ runs });
  }
  return limits;
}

/** What comes from outside changes nothing of a run: one profile does for all of those settings. */
function isFirstOfModel(settings: readonly Setting[], index: number): boolean {
  const question = (setting: Setting | undefined): string =>
    JSON.stringify({ ...setting, concurrency: 0, rate: 0 });
  return settings.findIndex((other) => question(other) === question(settings[index])) === index;
}

/**
 * Measures every setting, one process at a time, in rounds: each round has a process of each
 * setting, and starts with another one, so that whatever the machine does meanwhile falls on all
 * of them. A setting that fails is left out of later rounds.
 */
export async function measureAll(options: ScheduleOptions): Promise<SettingOutcome[]> {
  const { settings, inputs, shapes, signature, processes, warmUpMs, onProgress } = options;
  const outcomes = settings.map(() => ({
    results: [] as ProcessResult[],
    failed: undefined as SettingOutcome['failed'],
  }));
  const steps = processes * settings.length;
  let step = 0;
  for (let round = 0; round < processes; round++) {
    const blocks = blockLimits(options, round);
    for (let turn = 0; turn < settings.length; turn++, step++) {
      const index = (turn + round) % settings.length;
      const setting = settings[index];
      const outcome = outcomes[index];
      if (!setting || !outcome || outcome.failed || blocks.length === 0) continue;
      const request: MeasureRequest = {
        setting,
        inputs: inputs(setting.model),
        shapes,
        ...(signature === undefined ? {} : { signature }),
        warmUpMs,
        blocks,
        seed: round + 1,
        profileRuns: round === 0 && isFirstOfModel(settings, index) ? options.profileRuns : 0,
      };
      try {
        const at = { step, steps, setting: index };
        outcome.results.push(
          await measureInProcess(request, (stage, done) => onProgress({ ...at, stage, done })),
        );
      } catch (error) {
        if (!(error instanceof MeasureError)) throw error;
        outcome.failed = { code: error.code, message: error.message };
      }
    }
  }
  return outcomes.map(({ results, failed }) => ({ results, ...(failed ? { failed } : {}) }));
}
