import { setOwn } from '../../checks';
import { promiseJob } from '../addon/jobs';
import type { NativeSession } from '../addon/native';
import { dataLength, elementCount, elementTypeOfCode } from '../tensor/element-type';
import { OnliteError } from '../../errors';
import { encodeFeeds, type TensorLike } from './feeds';
import { RunLeases } from './leases';
import { zeros } from '../tensor/memory';
import type { SignaturePlan } from './signature-plan';
import { Tensor } from '../tensor/tensor';

/** Far below where V8 ends the process for want of memory. */
const maxStrings = 2 ** 24;

function emptyStrings(length: number, what: string): string[] {
  if (length <= maxStrings) return new Array<string>(length).fill('');
  throw new OnliteError('ERR_OUT_OF_MEMORY', `out of memory for ${what} of ${length} strings`);
}

/**
 * Feeds of zeros and empty strings for every input that a run needs. A dynamic
 * dimension is 1; what is not a tensor is left out, for the run to complain of.
 *
 * @throws OnliteError ERR_OUT_OF_MEMORY
 */
export function zeroFeeds(plan: SignaturePlan): Record<string, TensorLike> {
  const feeds: Record<string, TensorLike> = {};
  for (const input of plan.inputs) {
    const type = elementTypeOfCode(input.type);
    if (input.optional || input.kind !== 'tensor' || type === undefined) continue;
    const dims = input.dims.map((dim) => (dim < 0 ? 1 : dim));
    const length = dataLength(type, elementCount(dims, `inputs.${input.name}.dims`));
    const what = `inputs.${input.name}`;
    const data =
      type.array === undefined ? emptyStrings(length, what) : zeros(type.array, length, what);
    setOwn(feeds, input.name, Tensor.fromTrusted(type, data, dims));
  }
  return feeds;
}

/** Runs that are in no histogram, one after the other; by default on zeroFeeds. */
export async function warmUp(
  session: NativeSession,
  plan: SignaturePlan,
  runs: number,
  feeds?: unknown,
): Promise<void> {
  const leases = new RunLeases();
  try {
    const inputs = encodeFeeds(plan, feeds ?? zeroFeeds(plan), leases);
    for (let run = 0; run < runs; run++) {
      await promiseJob((id) => {
        session.run(id, inputs, plan.encodedEverything, { signature: 0, warmUp: true });
      }).result;
    }
  } finally {
    leases.release();
  }
}
