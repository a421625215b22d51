import type { Random } from './random.mjs';

export function damage(model: Uint8Array, random: Random): { kind: string; bytes: Uint8Array };
