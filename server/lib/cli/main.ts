#!/usr/bin/env node
import {
  ConfigError,
  effectiveConfig,
  printProblem,
  type EffectiveConfig,
  type Problem,
} from '../config';
import { AuditFile } from '../logs/audit-file';
import type { Audit, AuditEntry } from '../logs/audit';
import { pinoLog } from '../logs/pino-log';
import type { ServerLog } from '../logs/server-log';
import { checkConfigured, describeModels, type FolderChange } from '../rollout';
import { createServer, type ModelServer } from '../server';
import { EndSignals } from './end-signals';
import { watchFiles } from './file-watch';
import { KEYS_HELP, keysCommand } from './keys';
import { manageModels, MODELS_HELP } from './models';
import { HELP, readCommandLine, type CommandLine } from './options';
import { printable } from './printable';
import { readApiKeys } from './security-options';
import { UsageError } from './usage-error';

/** Filled in when the package is built. */
declare const ONLITE_VERSION: string;

async function serve(line: CommandLine, { server: settings }: EffectiveConfig): Promise<void> {
  const signals = new EndSignals();
  const { security } = line;
  const { logLevel, accessLog, auditLog, metricsNames, statusPage } = settings;
  const log = pinoLog(logLevel, settings.logFormat ?? (process.stderr.isTTY ? 'text' : 'json'));
  const auditFile = auditLog === undefined ? undefined : new AuditFile(auditLog);
  const audit = (entry: AuditEntry): void => {
    if (auditFile === undefined) log.info({ audit: entry }, 'audit');
    else auditFile.write(entry);
  };
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
    log,
    accessLog,
    audit,
    metricsNames,
    statusPage,
    onChange: (change) => tell(log, change),
    onError: (err) => log.error({ err }, 'internal error'),
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
  if (file !== undefined || auditFile !== undefined) {
    process.on('SIGHUP', () => {
      reopen(log, auditFile);
      if (file !== undefined) void reload(server, log, audit);
    });
  }
  watchSecurity(server, line, log);
  const url = `${tls === undefined ? 'http' : 'https'}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  const models = server.models.all().map(({ name, version, state }) => ({ name, version, state }));
  if (line.json) {
    const ports = { port, grpcPort: grpc?.port, managementPort: managed?.port };
    process.stdout.write(`${JSON.stringify({ url, ...ports, models })}\n`);
  } else {
    const names = models.map(({ name, version }) => `${name} (version ${version})`).join(', ');
    const more = `${grpc ? `, gRPC on port ${grpc.port}` : ''}${managed ? `, management on port ${managed.port}` : ''}`;
    process.stdout.write(`serving ${printable(names) || 'no models yet'} at ${url}${more}\n`);
    process.stdout.write(`  curl -H 'Accept: text/plain' ${url}/   says how to call them\n`);
  }
  const { delayMs, graceMs } = line.drain;
  signals.serves(() => server.drain(line.drain), delayMs + graceMs);
}

/** Keys and certificates that change are taken while the server runs; where they are wrong, the last stay. */
function watchSecurity(server: ModelServer, { security }: CommandLine, log: ServerLog): void {
  const { keyFile, tlsFiles } = security;
  const update = async (what: string, change: () => Promise<void>): Promise<void> => {
    try {
      await change();
      log.info({}, `${what} were read again`);
    } catch (error) {
      log.error({}, `${what} stay as they were: ${messageOf(error)}`);
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

async function reload(server: ModelServer, log: ServerLog, audit: Audit): Promise<void> {
  const told = (outcome: AuditEntry['outcome'], status: number, error?: string): void => {
    audit({
      time: new Date().toISOString(),
      who: { id: 'SIGHUP', by: 'signal' },
      operation: 'reload',
      model: null,
      outcome,
      status,
      ...(error !== undefined && { error }),
      from: null,
      via: 'process',
    });
  };
  try {
    const { needsRestart } = await server.reload();
    const later = needsRestart.join(', ');
    log.info(
      { needsRestart },
      `the configuration was read again${later && `; after a restart: ${later}`}`,
    );
    told('success', 200);
  } catch (error) {
    const message = messageOf(error).replaceAll('\n', '; ');
    log.error({}, `the configuration is not followed: ${message}`);
    told('malformed', 400, message);
  }
}

function reopen(log: ServerLog, file: AuditFile | undefined): void {
  try {
    file?.reopen();
  } catch (err) {
    log.error({ err }, 'the audit log stays the file that it was');
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** What the command has to say before there is a log, and when it does not serve. */
const say = (text: string): void => void process.stderr.write(`onlite-server: ${text}\n`);

function tell(log: ServerLog, { name, version, event, error }: FolderChange): void {
  const why = error instanceof Error ? `: ${error.message.replaceAll('\n', '; ')}` : '';
  const fields = { model: name, version, event };
  const text =
    name === ''
      ? `the folder is ${event}`
      : `${name}${version && ` version ${version}`} ${version ? '' : 'is '}${event}`;
  if (error === undefined) log.info(fields, `${text}${why}`);
  else log.error(fields, `${text}${why}`);
}

/** What is wrong with a configuration, a line each, and the exit code. */
async function check(config: () => EffectiveConfig, { security }: CommandLine): Promise<number> {
  const problems: Problem[] = [];
  try {
    problems.push(...checkConfigured(config()));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  }
  problems.push(...(await security.check()));
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
    if (line.show === 'check') return await check(config, line);
    const effective = config();
    if (line.show === 'config') {
      const { described } = effective;
      const { security, drain } = line;
      const shown = {
        server: described,
        security: security.described,
        drain: drain.described,
        models: describeModels(effective),
      };
      process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
      return 0;
    }
    await serve(line, effective);
    return undefined;
  } catch (error) {
    say(messageOf(error));
    if (!(error instanceof UsageError)) return 1;
    process.stderr.write(usage);
    return 2;
  }
}

void main(process.argv.slice(2)).then((code) => {
  // Undefined while it serves; sessions that were loaded before an error keep nothing alive.
  if (code !== undefined) process.exitCode = code;
});
