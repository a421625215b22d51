#!/usr/bin/env node
import { createServer, type ModelServer } from '../server';
import type { FolderChange } from '../models';
import { watchFiles } from './file-watch';
import { KEYS_HELP, keysCommand } from './keys';
import { HELP, readCommandLine, type CommandLine } from './options';
import { readApiKeys } from './security-options';
import { UsageError } from './usage-error';

/** Filled in when the package is built. */
declare const ONLITE_VERSION: string;

async function serve(line: CommandLine): Promise<void> {
  const { security } = line;
  const access = security.access();
  const tls = security.tls();
  const trustedKeys = security.trustedKeys();
  const server = createServer({
    ...(access && { access }),
    ...(tls && { tls }),
    ...(trustedKeys && { trustedKeys }),
    control: line.control,
    compression: line.compression,
    workers: line.workers,
    nonFinite: line.nonFinite,
    ...(line.maxBodyBytes !== undefined && { maxBodyBytes: line.maxBodyBytes }),
    onError: (error) =>
      log(error instanceof Error ? (error.stack ?? error.message) : String(error)),
  });
  for (const { name, file } of line.files) {
    await server.load({ name, version: '1', file, session: line.session });
  }
  if (line.folder !== undefined) {
    await server.addFolder(line.folder, {
      versions: line.versions,
      pollMs: line.pollMs,
      session: line.session,
      onChange: tell,
      ...(line.modelName !== undefined && { modelName: line.modelName }),
    });
  }
  const { port, address, family } = await server.listen(line.port, line.host);
  const grpc = await listenGrpc(server, line);
  watchSecurity(server, line);
  const url = `${tls === undefined ? 'http' : 'https'}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  const models = server.models.all().map(({ name, version, state }) => ({ name, version, state }));
  if (line.json)
    process.stdout.write(`${JSON.stringify({ url, port, grpcPort: grpc?.port, models })}\n`);
  else {
    const names = models.map(({ name, version }) => `${name} (version ${version})`).join(', ');
    process.stdout.write(
      `serving ${names || 'no models yet'} at ${url}${grpc ? `, gRPC on port ${grpc.port}` : ''}\n`,
    );
    process.stdout.write(`  curl -H 'Accept: text/plain' ${url}/   says how to call them\n`);
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // A second one ends the process, as without this.
    process.once(signal, () => {
      server.drain(line.drain).then(
        () => process.exit(),
        (error: unknown) => {
          log(error instanceof Error ? error.message : String(error));
          process.exit(1);
        },
      );
    });
  }
}

/** Keys and certificates that change are taken while the server runs; where they are wrong, the last stay. */
function watchSecurity(server: ModelServer, { security }: CommandLine): void {
  const { keyFile, tlsFiles } = security;
  const update = async (what: string, change: () => Promise<void>): Promise<void> => {
    try {
      await change();
      log(`${what} were read again`);
    } catch (error) {
      log(`${what} stay as they were: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  if (keyFile !== undefined) {
    watchFiles([keyFile], () => {
      void update('the API keys', () => server.setApiKeys(readApiKeys(keyFile)));
    });
  }
  watchFiles(tlsFiles, () => {
    void update('the certificates', async () => {
      const tls = security.tls();
      if (tls !== undefined) await server.setTls(tls);
    });
  });
}

/** @throws Error if it cannot listen; nothing is left then that keeps the process alive */
async function listenGrpc(server: ModelServer, { grpcPort, host }: CommandLine) {
  if (grpcPort === undefined) return undefined;
  try {
    return await server.listenGrpc(grpcPort, host);
  } catch (error) {
    await server.close();
    throw error;
  }
}

const log = (text: string): void => void process.stderr.write(`onlite-server: ${text}\n`);

function tell({ name, version, event, error }: FolderChange): void {
  const why = error instanceof Error ? `: ${error.message}` : '';
  log(name === '' ? `the folder is ${event}${why}` : `${name} version ${version} ${event}${why}`);
}

async function main(args: readonly string[]): Promise<number | undefined> {
  const isKeys = args[0] === 'keys';
  try {
    if (isKeys) {
      keysCommand(args.slice(1));
      return 0;
    }
    const line = readCommandLine(args);
    if (line.show !== undefined) {
      process.stdout.write(line.show === 'help' ? HELP : `${ONLITE_VERSION}\n`);
      return 0;
    }
    await serve(line);
    return undefined;
  } catch (error) {
    log(error instanceof Error ? error.message : String(error));
    if (!(error instanceof UsageError)) return 1;
    process.stderr.write(isKeys ? KEYS_HELP : HELP);
    return 2;
  }
}

void main(process.argv.slice(2)).then((code) => {
  // Undefined while it serves; sessions that were loaded before an error keep nothing alive.
  if (code !== undefined) process.exitCode = code;
});
