import { int8Support } from '../../cpu';
import type { IntegerType } from './parameters';

/**
 * What processors a model is quantised for. Without VNNI, x64 adds pairs of products in 16 bits,
 * which 8-bit activations and weights can overflow: for `any` and `x64-no-vnni` weights are smaller.
 */
export type Target = 'x64' | 'x64-no-vnni' | 'arm' | 'any';

export interface TargetTypes {
  readonly activation: IntegerType;
  readonly weight: IntegerType;
  /** Weights are made so small that no pair of products saturates. */
  readonly addsInPairs: boolean;
}

const TARGETS: Readonly<Record<Target, TargetTypes>> = {
  x64: { activation: 'uint8', weight: 'int8', addsInPairs: false },
  'x64-no-vnni': { activation: 'uint8', weight: 'int8', addsInPairs: true },
  arm: { activation: 'int8', weight: 'int8', addsInPairs: false },
  any: { activation: 'uint8', weight: 'int8', addsInPairs: true },
};

export const targets = Object.keys(TARGETS) as readonly Target[];

export const targetTypes = (target: Target): TargetTypes => TARGETS[target];

/** The target that this machine is; `any` where that cannot be told. */
export function targetOfThisMachine(): Target {
  if (process.arch === 'arm64') return 'arm';
  const { saturates } = int8Support();
  if (process.arch !== 'x64' || saturates === undefined) return 'any';
  return saturates ? 'x64-no-vnni' : 'x64';
}
