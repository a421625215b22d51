// Serves a wake word for the clients beside this file. usage: serve.mjs [--port PORT] [MODEL]
// The same without a program: npx @onlite/server wakeword=models/hey_jarvis.tflite
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { createServer } from '@onlite/server';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { port: { type: 'string', default: '8501' } },
});
const [file = fileURLToPath(new URL('../../models/hey_jarvis.tflite', import.meta.url))] =
  positionals;

const server = createServer();
await server.load({ name: 'wakeword', version: '1', file });
const { port } = await server.listen(Number(options.port));
console.log(`serving at http://127.0.0.1:${port}`);

process.once('SIGINT', () => server.close());
process.once('SIGTERM', () => server.close());
