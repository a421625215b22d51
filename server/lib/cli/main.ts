#!/usr/bin/env node
import {
  ConfigError,
  effectiveConfig,
  printProblem,
  type EffectiveConfig,
  type Problem,
} from '../config';
import { checkConfigured, describeModels, type FolderChange } from '../rollout';
import { createServer, type ModelServer } from '../server';
import { EndSignals } from './end-signals';
import { watchFiles } from './file-watch';
import { KEYS_HELP, keysCommand } from './keys';
import { manageModels, MODELS_HELP } from './models';
import { HELP, readCommandLine, type CommandLine } from './options';
import { readApiKeys } from './security-options';
import { UsageError } from './usage-error';

/** Filled in when the package is built. */
declare const ONLITE_VERSION: string;

async function serve(line: CommandLine, { server: settings }: EffectiveConfig): Promise<void> {
  const signals = new EndSignals();
  const { security } = line;
  const access = security.access();
  const tls = security.tls();
  const trustedKeys = security.trustedKeys();
  const { modelControl, stateFile, grpcPort, restPort, managementPort, host } = settings;
  const server = createServer({
    ...(access && { access }),
    ...(tls && { tls }),
    ...(trustedKeys && { trustedKeys }),
    ...(security.decrypt && { decrypt: security.decrypt }),
    control: modelControl,
    compression: settings.compression,
    workers: settings.workers,
    nonFinite: settings.nonFinite,
    maxBodyBytes: settings.maxBodyBytes,
    maxBodyBytesInFlight: settings.maxBodyBytesInFlight,
    maxConnections: settings.maxConnections,
    timeouts: {
      keepAliveMs: settings.keepAliveSeconds * 1000,
      headersMs: settings.headersSeconds * 1000,
      requestMs: settings.requestSeconds * 1000,
    },
    ...(stateFile !== undefined && { stateFile }),
    onChange: tell,
    onError: (error) =>
      log(error instanceof Error ? (error.stack ?? error.message) : String(error)),
  });
  const { config: file, server: flags, models: modelFlags } = line;
  await server.configure({
    ...(file !== undefined && { file }),
    server: flags,
    models: modelFlags,
  });
  const { port, address, family } = await server.listen(restPort, host);
  const grpc = await orClose(server, grpcPort, (at) => server.listenGrpc(at, host));
  const managed = await orClose(server, managementPort, (at) => server.listenManagement(at));
  // Otherwise it ends with its terminal, as other programs do.
  if (file !== undefined) reloadOnHangUp(server);
  watchSecurity(server, line);
  const url = `${tls === undefined ? 'http' : 'https'}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  const models = server.models.all().map(({ name, version, state }) => ({ name, version, state }));
  if (line.json) {
    const ports = { port, grpcPort: grpc?.port, managementPort: managed?.port };
    process.stdout.write(`${JSON.stringify({ url, ...ports, models })}\n`);
  } else {
    const names = models.map(({ name, version }) => `${name} (version ${version})`).join(', ');
    const more = `${grpc ? `, gRPC on port ${grpc.port}` : ''}${managed ? `, management on port ${managed.port}` : ''}`;
    process.stdout.write(`serving ${names || 'no models yet'} at ${url}${more}\n`);
    process.stdout.write(`  curl -H 'Accept: text/plain' ${url}/   says how to call them\n`);
  }
  const { delayMs, graceMs } = line.drain;
  signals.serves(() => server.drain(line.drain), delayMs + graceMs);
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
async function orClose<Address>(
  server: ModelServer,
  port: number | false,
  listen: (port: number) => Promise<Address>,
): Promise<Address | undefined> {
  if (port === false) return undefined;
  try {
    return await listen(port);
  } catch (error) {
    await server.close();
    throw error;
  }
}

function reloadOnHangUp(server: ModelServer): void {
  process.on('SIGHUP', () => {
    server.reload().then(
      ({ needsRestart }) => {
        const later = needsRestart.join(', ');
        log(`the configuration was read again${later && `; after a restart: ${later}`}`);
      },
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        log(`the configuration is not followed: ${message.replaceAll('\n', '; ')}`);
      },
    );
  });
}

const log = (text: string): void => void process.stderr.write(`onlite-server: ${text}\n`);

function tell({ name, version, event, error }: FolderChange): void {
  const why = error instanceof Error ? `: ${error.message.replaceAll('\n', '; ')}` : '';
  if (name === '') log(`the folder is ${event}${why}`);
  else log(`${name}${version && ` version ${version}`} ${version ? '' : 'is '}${event}${why}`);
}

/** What is wrong with a configuration, a line each, and the exit code. */
function check(config: () => EffectiveConfig): number {
  let problems: readonly Problem[];
  try {
    problems = checkConfigured(config());
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    ({ problems } = error);
  }
  for (const problem of problems) process.stdout.write(`${printProblem(problem)}\n`);
  if (problems.length === 0) process.stdout.write('nothing is wrong\n');
  return problems.length === 0 ? 0 : 1;
}

const USAGES: ReadonlyMap<string, string> = new Map([
  ['models', MODELS_HELP],
  ['keys', KEYS_HELP],
]);

async function main(args: readonly string[]): Promise<number | undefined> {
  const usage = USAGES.get(args[0] ?? '') ?? HELP;
  try {
    if (args[0] === 'keys') {
      await keysCommand(args.slice(1));
      return 0;
    }
    if (args[0] === 'models') {
      process.stdout.write(await manageModels(args.slice(1)));
      return 0;
    }
    const line = readCommandLine(args);
    if (line.show === 'help' || line.show === 'version') {
      process.stdout.write(line.show === 'help' ? HELP : `${ONLITE_VERSION}\n`);
      return 0;
    }
    const config = () => effectiveConfig(line.config, line.server, line.models);
    if (line.show === 'check') return check(config);
    const effective = config();
    if (line.show === 'config') {
      const { described } = effective;
      const shown = { server: described, models: describeModels(effective) };
      process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
      return 0;
    }
    await serve(line, effective);
    return undefined;
  } catch (error) {
    log(error instanceof Error ? error.message : String(error));
    if (!(error instanceof UsageError)) return 1;
    process.stderr.write(usage);
    return 2;
  }
}

void main(process.argv.slice(2)).then((code) => {
  // Undefined while it serves; sessions that were loaded before an error keep nothing alive.
  if (code !== undefined) process.exitCode = code;
});
