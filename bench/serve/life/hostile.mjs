// A server among clients that are wrong, slow or silent, and some that are as they should be.
import { setTimeout as sleep } from 'node:timers/promises';

import { quantile, timesWithin } from './answers.mjs';
import { Attack } from './clients.mjs';
import { CliServer } from './cli-server.mjs';

const now = () => performance.timeOrigin + performance.now();

/** Of what was answered in an attack, what was no 4xx. An idle connection is not answered, only closed. */
function otherThan4xx({ malformed, slow, oversized }) {
  const all = [malformed, slow, oversized].flatMap((counts) => Object.entries(counts));
  return all.reduce((sum, [status, times]) => sum + (/^4\d\d$/.test(status) ? 0 : times), 0);
}

/** @returns {before, during, failed, odd, grown, …} */
export async function attackUnderLoad(load, { file, request, perSecond, progress, ...plan }) {
  const server = await CliServer.start([
    `add=${file}`,
    '--max-body-bytes',
    String(plan.maxBodyBytes),
  ]);
  const attack = new Attack();
  try {
    const { port } = server;
    const asked = { port, request, perSecond };
    await load.run({ ...asked, seconds: 3 });
    progress('before the attack');
    const before = await load.run({ ...asked, seconds: plan.beforeSeconds });
    const resident = server.resident;
    progress('during the attack');
    const running = load.run({ ...asked, seconds: 3600 });
    const from = now();
    const result = await attack.run({ port, ...plan });
    const to = now();
    load.stop();
    const during = await running;
    // What was open is closed, and what was used of the heap is collected when it is needed again.
    let grown = Infinity;
    for (let waited = 0; waited < plan.settleSeconds && grown > 0; waited += 1) {
      await sleep(1000);
      await load.run({ ...asked, seconds: 1 });
      grown = Math.min(grown, server.resident - resident);
    }
    return {
      before: quantile(before.ms, 0.99),
      during: quantile(timesWithin(during, [[from, to]]), 0.99),
      healthy: during,
      odd: otherThan4xx(result),
      grown,
      resident,
      result,
      seconds: (to - from) / 1000,
    };
  } finally {
    attack.end();
    await server.end();
  }
}
