import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';

import { createServer, type ModelServer, type ServerOptions } from '@onlite/server';

export const root = join(__dirname, '..', '..');
export const fixture = (name: string): string => join(root, 'test/fixtures/models', name);

/** A server of some fixtures, under their names without the ending, or others. */
export interface Running {
  readonly server: ModelServer;
  readonly url: string;
  readonly port: number;
}

export async function serve(
  models: Readonly<Record<string, string>>,
  options?: ServerOptions,
): Promise<Running> {
  const server = createServer(options);
  for (const [name, file] of Object.entries(models)) {
    await server.load({ name, version: '1', file: fixture(file) });
  }
  const { port } = await server.listen(0);
  return { server, port, url: `http://127.0.0.1:${port}` };
}

export interface Listening {
  readonly url: string;
  readonly port: number;
  /** Where it was asked for. */
  readonly managementPort: number;
  readonly grpcPort: number;
  readonly models: unknown[];
}

/**
 * Where a command that serves listens, of the line that it prints with `--json`. An error with what it has said where
 * it ends before.
 */
export async function listening(child: ChildProcessWithoutNullStreams): Promise<Listening> {
  let errors = '';
  child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (text: Buffer) => resolve(text.toString()));
    child.once('exit', () => reject(new Error(errors)));
  });
  return JSON.parse(line) as Listening;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
}

export interface Call {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
}

/** One request, as it is: nothing is added to its headers, and nothing unpacked. */
export function call(port: number, path: string, options: Call = {}): Promise<Reply> {
  const { body, headers = {}, method = body === undefined ? 'GET' : 'POST' } = options;
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { port, host: '127.0.0.1', path, method, headers, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          const { statusCode: status = 0 } = response;
          resolve({ status, headers: response.headers, bytes, text: bytes.toString() });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

export const json = ({ text }: Reply): unknown => JSON.parse(text) as unknown;

/** A request and what it must be answered with. */
export interface Edge {
  readonly title: string;
  readonly path: string;
  readonly call?: Call;
  readonly status: number;
  /** What the answer's JSON has; text is looked for in the whole body. */
  readonly body?: object | string | RegExp | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

export const post = (body: unknown, headers: Record<string, string> = {}): Call => ({
  body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  method: 'POST',
  headers,
});
