import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What `npm run fuzz -- --json` prints. */
export interface FuzzSummary {
  steps: number;
  checks: number;
  operations: Record<string, Record<string, number>>;
  failure?: { engine: string; seed: number; step: number; message: string; replay: string };
}

const script = fileURLToPath(new URL('../fuzz/main.mjs', import.meta.url));

/** Runs the fuzzer as a command. */
export function runFuzzer(
  ...args: string[]
): Promise<{ code: number | null; summary: FuzzSummary }> {
  const child = spawn(process.execPath, [script, '--json', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, summary: JSON.parse(output) as FuzzSummary });
    });
  });
}
