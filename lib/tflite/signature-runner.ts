import { invalidArgument } from '../errors';
import { setOwn } from '../checks';
import { listSignatures } from '../engine/run/signature-plan';
import type { InferenceSession } from '../engine/session/session';
import type { ValueMetadata } from '../engine/session/metadata';
import type { Tensor } from '../engine/tensor/tensor';
import type { TfliteModel } from '../formats/tflite';
import { tensorDetails, type TensorDetails } from './tensor-details';
import { tensorOf, type TensorValue } from './tensor-value';

/** The names of inputs and outputs of each signature, by its key. */
export type SignatureList = Readonly<
  Record<string, { readonly inputs: readonly string[]; readonly outputs: readonly string[] }>
>;

/**
 * Runs a model by one of its signatures: inputs by name in, outputs by name out. An input takes the
 * shape of the tensor that it is given.
 */
export interface SignatureRunner {
  /** @throws OnliteError as {@link InferenceSession.runSync}. */
  (inputs?: Readonly<Record<string, TensorValue>>): Record<string, Tensor>;
  /** By the signature's names. */
  getInputDetails(): Record<string, TensorDetails>;
  getOutputDetails(): Record<string, TensorDetails>;
}

export function signatureList({ signatures }: InferenceSession): SignatureList {
  const list = Object.create(null) as Record<string, SignatureList[string]>;
  for (const [key, { inputs, outputs }] of Object.entries(signatures)) {
    list[key] = { inputs: namesOf(inputs), outputs: namesOf(outputs) };
  }
  return list;
}

const namesOf = (values: readonly ValueMetadata[]): string[] => values.map(({ name }) => name);

/**
 * @param key - may be left out where there is one signature
 * @throws OnliteError ERR_INVALID_ARGUMENT if there is no such signature.
 */
export function signatureRunner(
  session: InferenceSession,
  model: TfliteModel,
  key: string | undefined,
): SignatureRunner {
  const keys = Object.keys(session.signatures);
  const chosen = key ?? (keys.length === 1 ? keys[0] : undefined);
  const names = chosen === undefined ? undefined : session.signatures[chosen];
  const signature = model.signatures.find((one) => one.key === chosen);
  if (chosen === undefined || names === undefined || signature === undefined) {
    throw invalidArgument('signatureKey', listSignatures(keys), key);
  }
  const tensors = model.subgraphs[signature.subgraph]?.tensors ?? [];
  const detailsOf = (list: 'inputs' | 'outputs'): Record<string, TensorDetails> => {
    const details: Record<string, TensorDetails> = {};
    for (const { name } of names[list]) {
      const index = signature[list].find((one) => one.name === name)?.tensor ?? -1;
      const tensor = tensors[index];
      if (tensor) setOwn(details, name, tensorDetails(index, tensor, tensor.shape));
    }
    return details;
  };
  const inputDetails = detailsOf('inputs');
  const run = (inputs: Readonly<Record<string, TensorValue>> = {}): Record<string, Tensor> => {
    const feeds: Record<string, Tensor> = {};
    for (const [name, value] of Object.entries(inputs)) {
      const details = Object.hasOwn(inputDetails, name) ? inputDetails[name] : undefined;
      if (details === undefined) {
        throw invalidArgument('inputs', `one of ${Object.keys(inputDetails).join(', ')}`, name);
      }
      setOwn(feeds, name, tensorOf(value, details));
    }
    return session.runSync<Record<string, Tensor>>(feeds, { signature: chosen });
  };
  return Object.assign(run, {
    getInputDetails: () => detailsOf('inputs'),
    getOutputDetails: () => detailsOf('outputs'),
  });
}
