import { constant, model, node } from './onnx.mjs';
import { fillFloats, sizeOf } from './values.mjs';

/** As GPT-2 is built, smaller. */
const LAYERS = 4;
const HEADS = 4;
const WIDTH = 128;
const HEAD = WIDTH / HEADS;

/** The model's state: the cache's tensors by layer, 'present.…' becomes 'past.…' of the next step. */
export const decoderCarry = Object.fromEntries(
  Array.from({ length: LAYERS }, (_, layer) =>
    ['key', 'value'].map((kind) => [`present.${layer}.${kind}`, `past.${layer}.${kind}`]),
  ).flat(),
);

/** The dims of each of them after so many steps. */
export const decoderState = (steps) => [1, HEADS, steps, HEAD];

/** x [1, 128] → y [1, 128] by four layers of attention over all steps so far, and an MLP. */
export function decoder() {
  const parts = [];
  const add = (...fields) => parts.push(node(...fields));
  const weights = (name, dims, scale = 0.05) => {
    const size = sizeOf(dims);
    const values = fillFloats(new Float32Array(size)).map((value) => value * scale);
    parts.push(constant(name, dims, values));
    return name;
  };
  parts.push(constant('heads', [4], BigInt64Array.of(1n, BigInt(HEADS), 1n, BigInt(HEAD))));
  parts.push(constant('flat', [2], BigInt64Array.of(1n, BigInt(WIDTH))));
  parts.push(constant('scale', [], Float32Array.of(1 / Math.sqrt(HEAD))));
  parts.push(constant('ones', [WIDTH], new Float32Array(WIDTH).fill(1)));
  const inputs = { x: [1, WIDTH] };
  const outputs = { y: [1, WIDTH] };
  let x = 'x';
  for (let layer = 0; layer < LAYERS; layer += 1) {
    const at = (name) => `${name}.${layer}`;
    add('LayerNormalization', [x, 'ones'], [at('norm1')]);
    for (const name of ['query', 'key', 'value']) {
      add('MatMul', [at('norm1'), weights(at(`w_${name}`), [WIDTH, WIDTH])], [at(`${name}_flat`)]);
      add('Reshape', [at(`${name}_flat`), 'heads'], [at(name)]);
    }
    for (const name of ['key', 'value']) {
      inputs[`past.${layer}.${name}`] = [1, HEADS, 'past', HEAD];
      outputs[`present.${layer}.${name}`] = [1, HEADS, 'past + 1', HEAD];
      const present = `present.${layer}.${name}`;
      add('Concat', [`past.${layer}.${name}`, at(name)], [present], { axis: 2 });
    }
    add('Transpose', [`present.${layer}.key`], [at('key_t')], { perm: [0, 1, 3, 2] });
    add('MatMul', [at('query'), at('key_t')], [at('scores')]);
    add('Mul', [at('scores'), 'scale'], [at('scaled')]);
    add('Softmax', [at('scaled')], [at('weights')], { axis: 3 });
    add('MatMul', [at('weights'), `present.${layer}.value`], [at('mixed')]);
    add('Reshape', [at('mixed'), 'flat'], [at('mixed_flat')]);
    add('MatMul', [at('mixed_flat'), weights(at('w_out'), [WIDTH, WIDTH])], [at('attended')]);
    add('Add', [x, at('attended')], [at('residual')]);
    add('LayerNormalization', [at('residual'), 'ones'], [at('norm2')]);
    add('MatMul', [at('norm2'), weights(at('w_up'), [WIDTH, 4 * WIDTH])], [at('up')]);
    add('Relu', [at('up')], [at('active')]);
    add('MatMul', [at('active'), weights(at('w_down'), [4 * WIDTH, WIDTH])], [at('down')]);
    const isLast = layer === LAYERS - 1;
    add('Add', [at('residual'), at('down')], [isLast ? 'y' : at('x')]);
    x = at('x');
  }
  return model({ name: 'decoder', parts, inputs, outputs });
}
