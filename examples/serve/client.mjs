// Calls the server of serve.mjs with binary tensors. usage: client.mjs [URL]
import { InferenceClient } from '@onlite/server/client';

const [url = 'http://127.0.0.1:8501'] = process.argv.slice(2);
const client = new InferenceClient(url);
const { inputs } = await client.metadata('wakeword');

// Silence: zeros in the shape that the model wants.
const feeds = Object.fromEntries(
  inputs.map(({ name, datatype, shape }) => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    return [name, { datatype, shape, data: new Float32Array(size) }];
  }),
);
const outputs = await client.infer('wakeword', feeds);
for (const [name, { shape, data }] of Object.entries(outputs)) {
  console.log(`${name} [${shape}]: ${Array.from(data, (value) => value.toFixed(6))}`);
}
