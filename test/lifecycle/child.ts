import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** How a child process ended and what it reported, a JSON value a line. */
export interface ChildResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** It had not ended in time and was killed. */
  hung: boolean;
  reports: Record<string, unknown>[];
  errors: string;
}

export interface ChildOptions {
  /** For node. */
  flags?: string[];
  env?: NodeJS.ProcessEnv;
  timeoutMs?: number;
  /** Sent so many milliseconds after the child's first report. */
  kill?: { signal: NodeJS.Signals; afterMs: number };
}

const isSanitized = process.env['ONLITE_SANITIZER'] !== undefined;

/** Milliseconds until a child is said to hang. A sanitizer makes all several times slower. */
const patience = isSanitized ? 400_000 : 120_000;

/** For a test that waits for one child. */
export const testTimeout = patience + 10_000;

/** How often each thing is tried: a fault that depends on timing shows in some of them. */
export const rounds = isSanitized ? 3 : 20;

/** Fewer, for what takes long or is many tries in itself. */
export const fewRounds = isSanitized ? 1 : 4;

/** Workers that are ended with runs in flight. */
export const workerCount = isSanitized ? 21 : 200;

export const engines = ['onnxruntime', 'tflite'] as const;

/** Runs a script of test/ in a process of its own, which may crash or hang. */
export function runChild(
  script: string,
  args: readonly string[],
  { flags = [], env = {}, timeoutMs = patience, kill }: ChildOptions = {},
): Promise<ChildResult> {
  const file = fileURLToPath(new URL(`../${script}`, import.meta.url));
  const child = spawn(process.execPath, [...flags, file, ...args], {
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  let hung = false;
  const timer = setTimeout(() => {
    hung = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  child.stdout.on('data', (chunk: Buffer) => {
    if (output === '' && kill !== undefined)
      setTimeout(() => child.kill(kill.signal), kill.afterMs);
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4000);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    // 'close' and not 'exit': the pipes have been read to their end.
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, hung, reports: readReports(output), errors });
    });
  });
}

/** Lines that are not JSON are a runtime's own messages. */
function readReports(output: string): Record<string, unknown>[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/**
 * For scripts that collect garbage or transfer buffers: Node 20 has
 * `ArrayBuffer.prototype.transfer` behind a flag, which later ones do not know.
 */
export const memoryFlags = [
  '--expose-gc',
  ...('transfer' in ArrayBuffer.prototype ? [] : ['--harmony-rab-gsab-transfer']),
];

/** What a script of cases (children/cases.mjs) did, for one comparison. */
export function outcome({ code, signal, hung, reports, errors }: ChildResult): object {
  const failures = reports.filter((report) => report['error'] !== null);
  const failed = code !== 0 || hung;
  const last = reports.at(-1)?.['name'];
  return { code, signal, hung, failures, ...(failed ? { last, errors } : {}) };
}

/** The outcome of a script that ended by itself and whose cases all passed. */
export const passed = { code: 0, signal: null, hung: false, failures: [] };
