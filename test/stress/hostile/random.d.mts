export class Random {
  constructor(seed: number);
  static for(...names: (string | number)[]): Random;
  below(limit: number): number;
  oneIn(times: number): boolean;
  pick<T>(items: readonly T[]): T;
}
