import { ownProperties } from '../../checks';
import { invalidArgument } from '../../errors';
import type { NativeRunOptions } from '../addon/native';
import { isFetches, parseFetches } from './fetches';
import { checkRunOptions, type CheckedRunOptions } from './run-options';
import type { RequestedOutputs, SignaturePlan } from './signature-plan';

/** What is asked of a run beside its feeds, checked. */
export interface RunRequest {
  plan: SignaturePlan;
  outputs: RequestedOutputs;
  native: NativeRunOptions | undefined;
  options: CheckedRunOptions;
}

/**
 * Reads what comes after the feeds of a run: fetches and options, or one of them.
 *
 * @param planOf - the plan of a signature, or throws
 * @throws OnliteError ERR_INVALID_ARGUMENT
 */
export function readRequest(
  planOf: (signature: unknown) => SignaturePlan,
  second: unknown,
  third: unknown,
): RunRequest {
  if (second === null) throw invalidArgument('fetches', 'names, an object or options', null);
  // A signature has names of its own, so it is looked up before the fetches are.
  const hasFetches = second !== undefined && isFetches(planOf(ownSignature(third)), second);
  const options = checkRunOptions(hasFetches ? third : (second ?? third));
  const plan = planOf(options.signature);
  return {
    plan,
    outputs: hasFetches ? parseFetches(plan, second) : plan.everything,
    native:
      plan.index === 0 && options.native === undefined
        ? undefined
        : { signature: plan.index, ...options.native },
    options,
  };
}

/** The option, before the options are checked. */
function ownSignature(options: unknown): unknown {
  const isObject = typeof options === 'object' && options !== null;
  return isObject ? ownProperties(options)['signature'] : undefined;
}
