// Servers whose models are watched.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { createServer, type ServerOptions, type WatchConfig } from '@onlite/server';

import { fixture, type Running } from './support';

/** One that answers rows of three scores with themselves, and is watched. */
export async function serveWatched(watch: WatchConfig, options?: ServerOptions): Promise<Running> {
  const server = createServer(options);
  const file = fixture('identity_float32.onnx');
  await server.load({ name: 'rows', version: '1', file, serving: { watch } });
  const { port } = await server.listen(0);
  return { server, port, url: `http://127.0.0.1:${port}` };
}

export interface LoggedRow {
  readonly requestId?: string;
  readonly model: string;
  readonly version: string;
  readonly features: Record<string, number | string | null>;
  readonly prediction?: number;
  readonly latencyMs: number;
  readonly error?: string;
}

/** The lines of a log; those that are written so far. */
export function logged(folder: string, model = 'rows', version = '1'): LoggedRow[] {
  let text: string;
  try {
    text = readFileSync(join(folder, model, version, 'predictions.jsonl'), 'utf8');
  } catch {
    return [];
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LoggedRow);
}
