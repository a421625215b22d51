import { int8Support } from '../../cpu';
import type { IntegerType, ParameterOptions } from './parameters';

/**
 * What processors a model is quantised for. Without VNNI, x64 adds pairs of products in 16 bits,
 * which 8-bit activations and weights can overflow: `any` and `x64-no-vnni` keep weights in 7 bits.
 */
export type Target = 'x64' | 'x64-no-vnni' | 'arm' | 'any';

export interface TargetTypes {
  readonly activation: IntegerType;
  readonly weight: IntegerType;
  readonly weightOptions: ParameterOptions;
}

const uint8 = { activation: 'uint8', weight: 'int8' } as const;

const TARGETS: Readonly<Record<Target, TargetTypes>> = {
  x64: { ...uint8, weightOptions: {} },
  'x64-no-vnni': { ...uint8, weightOptions: { reduceRange: true } },
  arm: { activation: 'int8', weight: 'int8', weightOptions: {} },
  any: { ...uint8, weightOptions: { reduceRange: true } },
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
