// Results for which there is no memory, in a process whose address space is limited once
// everything is loaded. Prints what became of each.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { InferenceSession, Tensor, TensorPool } from 'onlite';

const [file, input, output, bytesText] = process.argv.slice(2);
const bytes = Number(bytesText);
const session = await InferenceSession.create(file);
const small = new Tensor('int64', BigInt64Array.of(4n), [1]);
const large = new Tensor('int64', BigInt64Array.of(BigInt(bytes / 4)), [1]);
const run = (feeds) => session.run(feeds);
await run({ [input]: small });
session.runSync({ [input]: small });
const binding = session.bind({ inputs: { [input]: large }, outputs: { [output]: 'dynamic' } });
const pool = new TensorPool();

// The runtime's own result fits, another copy of it does not.
const virtual = Number(/VmSize:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
const limit = virtual * 1024 + bytes * 1.5;
execFileSync('prlimit', ['--pid', String(process.pid), `--as=${Math.round(limit)}`]);

const ways = {
  run: () => run({ [input]: large }),
  runSync: () => session.runSync({ [input]: large }),
  names: () => session.run({ [input]: large }, [output]),
  bound: () => binding.run(),
  boundSync: () => {
    binding.runSync();
  },
  pool: () => session.run({ [input]: large }, { pool }),
};
const results = {};
for (const [name, way] of Object.entries(ways)) {
  try {
    await way();
    results[name] = 'a result';
  } catch (error) {
    results[name] = error.code ?? String(error);
  }
  // The session works on.
  const after = (await run({ [input]: small }))[output];
  if (after.size !== 4) results[name] += ', and then none';
}
const failures = Object.keys(session.latency.failures);
console.log(JSON.stringify({ results, failures }));
