// Checked by `npm run test:types`; never run. Programs that use onnxruntime-common beside onlite
// hand tensors and options from one to the other.
import type * as common from 'onnxruntime-common';
import {
  InferenceSession,
  Tensor,
  type Env,
  type InferenceSessionHandler,
  type RunOptions,
  type SessionOptions,
  type TensorConstructor,
  type TypedTensor,
} from 'onlite';
import * as onlite from 'onlite';

declare function expectAssignable<To>(from: To): void;

// Ours to theirs.
export async function toCommon(session: InferenceSession, floats: Tensor<'float32'>) {
  expectAssignable<common.TypedTensor<'float32'>>(floats);
  expectAssignable<common.Tensor>(floats);
  const results = await session.run({ x: floats });
  for (const tensor of Object.values(results)) expectAssignable<common.Tensor>(tensor);
  expectAssignable<common.InferenceSession.FeedsType>(results);
  expectAssignable<TypedTensor<'int64'>>(new Tensor('int64', [1n]));
  expectAssignable<TypedTensor<'string'>>(new Tensor(['a']) as Tensor<'string'>);
}
export function optionsToCommon(session: SessionOptions, run: RunOptions) {
  expectAssignable<common.InferenceSession.SessionOptions>(session);
  expectAssignable<common.InferenceSession.RunOptions>(run);
}

// Theirs to ours: wherever a tensor is an argument.
export async function fromCommon(session: InferenceSession, tensor: common.Tensor) {
  expectAssignable<onlite.TensorLike>(tensor);
  expectAssignable<InferenceSession.FeedsType>({ x: tensor });
  const typed = tensor as common.TypedTensor<'float32'>;
  await session.run({ x: tensor }, { y: typed });
  session.runSync({ x: typed }, ['y']);
  session.bind({ inputs: { x: tensor }, outputs: { y: typed } });
}
export async function optionsFromCommon(
  options: common.InferenceSession.SessionOptions,
  run: common.InferenceSession.RunOptions,
) {
  expectAssignable<SessionOptions>(options);
  expectAssignable<RunOptions>(run);
  const session = await InferenceSession.create('model.onnx', options);
  await session.run({}, run);
}

// What is onnxruntime-common's stays its.
export function same(env: Env, handler: InferenceSessionHandler, tensor: TensorConstructor) {
  expectAssignable<common.Env>(env);
  expectAssignable<Env>(onlite.env);
  expectAssignable<common.InferenceSessionHandler>(handler);
  expectAssignable<common.TensorConstructor>(tensor);
  const provider: InferenceSession.CudaExecutionProviderOption = { name: 'cuda', deviceId: 0 };
  expectAssignable<InferenceSession.ExecutionProviderConfig>(provider);
}

// Types of elements that onnxruntime-common has no name for are asked for by name.
export async function others(session: InferenceSession): Promise<Uint16Array> {
  const { y } = await session.run<{ y: Tensor<'bfloat16'> }>({});
  // @ts-expect-error -- a bfloat16 is no tensor of onnxruntime-common's
  expectAssignable<common.Tensor>(y);
  return y.data;
}
