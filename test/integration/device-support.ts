import { InferenceSession, OnliteError, useProvider } from 'onlite';

import { float16ToNumber } from '../fixtures/compare';
import { fixture } from './support';
import type { Outcome } from './ways';

const { hasGpu, useSwiftShader } = (await import(
  new URL('../../scripts/lib/swiftshader.mjs', import.meta.url).href
)) as { hasGpu: () => boolean; useSwiftShader: () => boolean };

/** The provider of a device that is tested; `npm run test:gpu` names others. */
export const provider = process.env['ONLITE_TEST_PROVIDER'] ?? 'webgpu';

/** `npm run test:gpu` is for the GPU, where there is one. */
const isForGpu = process.env['ONLITE_TEST_PROVIDER'] !== undefined && hasGpu();

/**
 * Has WebGPU use SwiftShader, unless the environment chooses a device, and CUDA be what
 * `onlite install` has brought, if it has.
 *
 * @returns why the provider cannot be used here; undefined if it can
 */
export async function whyNoDevice(): Promise<string | undefined> {
  if (!isForGpu) useSwiftShader();
  if (provider !== 'webgpu') await useProvider('cuda').catch(() => undefined);
  try {
    await using session = await InferenceSession.create(fixture('add4.onnx'), {
      executionProviders: [provider],
    });
    return session.executionProviders[0] === provider ? undefined : 'it is not used';
  } catch (error) {
    if (!(error instanceof OnliteError) || error.code !== 'ERR_PROVIDER_UNAVAILABLE') throw error;
    return error.cause instanceof Error ? error.cause.message : error.message;
  }
}

interface PlainTensor {
  type: string;
  dims: readonly number[];
  bytes: string;
}

const isTensor = (value: unknown): value is PlainTensor =>
  typeof value === 'object' && value !== null && 'bytes' in value;

/**
 * A device adds in another order, WebGPU promises no more than 2^-11 of a sine, and CUDA's softmax
 * of float64 works in float32.
 */
const tolerances: Readonly<Record<string, number>> = {
  float64: 1e-6,
  float32: 1e-3,
  float16: 4e-3,
};

function elements({ type, bytes }: PlainTensor): number[] {
  const { buffer, byteOffset, length } = Buffer.from(bytes, 'hex');
  const view = new DataView(buffer, byteOffset, length);
  if (type === 'float64') {
    return Array.from({ length: length / 8 }, (_, at) => view.getFloat64(8 * at, true));
  }
  if (type === 'float32') {
    return Array.from({ length: length / 4 }, (_, at) => view.getFloat32(4 * at, true));
  }
  return Array.from({ length: length / 2 }, (_, at) =>
    float16ToNumber(view.getUint16(2 * at, true)),
  );
}

function isNear(got: number, wanted: number, tolerance: number): boolean {
  if (Object.is(got, wanted) || got === wanted) return true;
  return Math.abs(got - wanted) <= tolerance * Math.max(1, Math.abs(wanted));
}

/**
 * A device's outcome with those elements that are as near to the processor's as can be asked for
 * replaced by them, so that it is equal if all is well.
 */
export function nearestTo(wanted: Outcome, got: Outcome): Outcome {
  if (typeof got === 'string' || typeof wanted === 'string') return got;
  return Object.fromEntries(
    Object.entries(got).map(([name, value]) => {
      const reference = wanted[name];
      if (!isTensor(value) || !isTensor(reference)) return [name, value];
      const tolerance = tolerances[value.type];
      if (tolerance === undefined || value.bytes.length !== reference.bytes.length) {
        return [name, value];
      }
      const own = elements(value);
      const others = elements(reference);
      const isAll = own.every((element, at) => isNear(element, others[at] ?? NaN, tolerance));
      return [name, isAll ? { ...value, bytes: reference.bytes } : { ...value, own, others }];
    }),
  );
}
