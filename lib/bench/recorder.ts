/** Statistics of recorded latencies; all but `count` in nanoseconds. */
export interface RecordedSnapshot {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly stddev: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export class Recorder {
  #values: number[] = [];
  #sorted: Float64Array | undefined;

  static decode(text: string): Recorder {
    const bytes = Buffer.from(text, 'base64');
    const recorder = new Recorder();
    for (let at = 0; at < bytes.length; at += 8) recorder.#values.push(bytes.readDoubleLE(at));
    return recorder;
  }

  record(nanoseconds: number): void {
    this.#values.push(nanoseconds);
    this.#sorted = undefined;
  }

  add(other: Recorder): void {
    for (const value of other.#values) this.record(value);
  }

  percentile(percent: number): number {
    const sorted = this.#ascending();
    return sorted[Math.max(Math.ceil((percent / 100) * sorted.length), 1) - 1] ?? 0;
  }

  countBetween(low: number, high: number): number {
    return this.#values.filter((value) => value >= low && value <= high).length;
  }

  snapshot(): RecordedSnapshot {
    const sorted = this.#ascending();
    const count = sorted.length;
    const mean = count === 0 ? 0 : sorted.reduce((sum, value) => sum + value, 0) / count;
    const squares = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return {
      count,
      min: sorted[0] ?? 0,
      mean,
      stddev: count === 0 ? 0 : Math.sqrt(squares / count),
      p50: this.percentile(50),
      p90: this.percentile(90),
      p95: this.percentile(95),
      p99: this.percentile(99),
      p999: this.percentile(99.9),
      max: sorted[count - 1] ?? 0,
    };
  }

  encode(): string {
    return Buffer.from(Float64Array.from(this.#values).buffer).toString('base64');
  }

  #ascending(): Float64Array {
    this.#sorted ??= Float64Array.from(this.#values).sort();
    return this.#sorted;
  }
}
