import { grouped, printable } from '../output';
import { measureAll, type ScheduleOptions, type SettingOutcome } from './schedule';

/** How often the line is written, at most. */
const INTERVAL_MS = 100;

/** One line of a terminal that is written over; nothing anywhere else. */
export class ProgressLine {
  readonly #stream: NodeJS.WriteStream | undefined;
  #shown = -Infinity;
  #visible = false;

  constructor(stream: NodeJS.WriteStream) {
    // A pipe has no isTTY at all.
    this.#stream = stream.isTTY ? stream : undefined;
  }

  show(text: string): void {
    const time = performance.now();
    if (!this.#stream || time - this.#shown < INTERVAL_MS) return;
    this.#shown = time;
    this.#visible = true;
    const width = (this.#stream.columns || 80) - 1;
    this.#stream.write(`\r\u001b[2K${printable(text).slice(0, width)}`);
  }

  clear(): void {
    if (this.#visible) this.#stream?.write('\r\u001b[2K');
    this.#visible = false;
  }
}

/** `[######----]  60 %` */
export function progressBar(share: number, width = 20): string {
  const filled = Math.round(Math.min(Math.max(share, 0), 1) * width);
  return `[${'#'.repeat(filled)}${'-'.repeat(width - filled)}]`;
}

/** {@link measureAll} with a line on the terminal that says where it is. */
export async function measureWithProgress(
  options: Omit<ScheduleOptions, 'onProgress'>,
  labels: readonly string[],
): Promise<SettingOutcome[]> {
  const line = new ProgressLine(process.stderr);
  try {
    return await measureAll({
      ...options,
      onProgress: ({ step, steps, setting, stage, done }) => {
        const progress = `${progressBar(step / steps)} ${step + 1}/${steps}`;
        const runs = done > 0 ? `, ${grouped(done)} runs` : '';
        line.show(`${progress} ${labels[setting] ?? ''}: ${stage}${runs}`);
      },
    });
  } finally {
    line.clear();
  }
}
