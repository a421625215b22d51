import { priorityOf } from '../../../models';
import { badRequest } from '../../errors';
import type { ContentsInput, ModelInferRequest, Parameters, RequestedOutput } from './request';

/** What the parameters of a request ask for. */
export interface Asked {
  readonly timeoutMs: number | undefined;
  /** 1 is the first. */
  readonly priority: number | undefined;
  readonly signatureName: string | undefined;
}

/** What clients of streams may ask Triton for: each of our answers is final, and says so. */
const KNOWN = 'triton_enable_empty_final_response';

/** @throws RequestError 400 for parameters that cannot be followed; those that mean nothing here pass */
export function readAsked({ parameters, inputs, outputs }: ModelInferRequest): Asked {
  for (const name of parameters.keys()) {
    if (name.startsWith('triton_') && name !== KNOWN) {
      throw badRequest(`parameters.${name}`, "names that begin with 'triton_' are reserved");
    }
  }
  refuseSharedMemory(inputs, 'inputs');
  refuseSharedMemory(outputs, 'outputs');
  for (const [index, output] of outputs.entries()) {
    if (output.parameters.has('classification')) {
      throw badRequest(`outputs[${index}].parameters.classification`, 'is not supported');
    }
  }
  return {
    timeoutMs: timeout(parameters),
    priority: priority(parameters),
    signatureName: signatureName(parameters),
  };
}

function refuseSharedMemory(
  tensors: readonly (ContentsInput | RequestedOutput)[],
  list: string,
): void {
  for (const [index, { parameters }] of tensors.entries()) {
    if (!parameters.has('shared_memory_region')) continue;
    const where = `${list}[${index}].parameters.shared_memory_region`;
    throw badRequest(where, 'shared memory cannot be registered with this server');
  }
}

/** The protocol has microseconds; 0 is none. */
function timeout(parameters: Parameters): number | undefined {
  const value = parameters.get('timeout');
  if (value === undefined) return undefined;
  if (typeof value !== 'bigint' || value < 0n) {
    throw badRequest('parameters.timeout', 'expected microseconds, an int64 of at least 0');
  }
  return value === 0n ? undefined : Math.min(Number(value) / 1000, 0x7fff_ffff);
}

/** As Triton has it: 1 is the first, 0 the default. */
function priority(parameters: Parameters): number | undefined {
  const value = parameters.get('priority');
  if (value === undefined) return undefined;
  if (typeof value !== 'bigint' || value < 0n) {
    throw badRequest('parameters.priority', 'expected an int64 of at least 0');
  }
  return value === 0n ? undefined : priorityOf(Number(value));
}

function signatureName(parameters: Parameters): string | undefined {
  const value = parameters.get('signature_name');
  if (value === undefined || typeof value === 'string') return value;
  throw badRequest('parameters.signature_name', `expected a string, got ${String(value)}`);
}
