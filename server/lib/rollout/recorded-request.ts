import type { RunResult, Tensor } from 'onlite';

import type { ServedModel, Signature } from '../models';
import { badRequest } from '../wire/errors';
import { JsonReader, type Span } from '../wire/json/reader';
import { readColumns, type Columns } from '../wire/tensors/columns';
import { tensorOf } from '../wire/tensors/values';

/**
 * Tensors as TensorFlow Serving's `:predict` has them in column form: by their names, or the value of the
 * only one; so a request and its answer can be kept as they were sent.
 *
 * @throws RequestError naming the path of what is wrong
 */
export function readInputs(
  signature: Signature,
  json: Buffer,
  span?: Span,
): Record<string, Tensor> {
  const columns = read(signature, json, span);
  const tensors: Record<string, Tensor> = {};
  for (const [index, { name, optional }] of signature.inputs.entries()) {
    const column = columns.get(index);
    if (column !== undefined) tensors[name] = tensorOf(column.values, column.shape);
    else if (optional !== true) throw badRequest(span?.path ?? 'inputs', `'${name}' is missing`);
  }
  return tensors;
}

/** Outputs in the same form; those that are not there are left out. */
export function readOutputs(
  signature: Signature,
  json: Buffer,
  span: Span,
): Record<string, Tensor> {
  const { outputs, outputIndex } = signature;
  const columns = read({ ...signature, inputs: outputs, inputIndex: outputIndex }, json, span);
  if (columns.size === 0) throw badRequest(span.path, 'expected outputs of the model by name');
  const named = [...columns].flatMap(([index, { values, shape }]) => {
    const name = outputs[index]?.name;
    return name === undefined ? [] : [[name, tensorOf(values, shape)] as const];
  });
  return Object.fromEntries(named);
}

function read(signature: Signature, json: Buffer, span: Span | undefined): Columns {
  const reader = new JsonReader(json, { span });
  const columns = readColumns(reader, signature, { base64: true });
  reader.finish();
  return columns;
}

/** Runs what was recorded, without counting it among requests. @throws OnliteError as `session.run` */
export function runRecorded(
  { session }: ServedModel,
  { key }: Signature,
  inputs: Record<string, Tensor>,
): Promise<RunResult> {
  return session.run(inputs, key === undefined ? {} : { signature: key });
}
