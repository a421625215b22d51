// SIGTERM while requests come.
import { setTimeout as sleep } from 'node:timers/promises';

import { CliServer } from './cli-server.mjs';

/**
 * Requests that were sent on a connection that the server had accepted have to be answered. Connections that it
 * does not accept any more are another server's.
 *
 * @returns {lost, refused, answered, exit, ms} of each round
 */
export async function endUnderLoad(load, { file, request, perSecond, rounds, graceSeconds }) {
  const all = [];
  for (let round = 0; round < rounds; round += 1) {
    const args = [`add=${file}`, '--grace-seconds', String(graceSeconds)];
    const server = await CliServer.start(args);
    try {
      const { port } = server;
      const running = load.run({ port, request, perSecond, seconds: 60 });
      await sleep(1500);
      const from = performance.now();
      server.signal('SIGTERM');
      const exit = await Promise.race([server.exit, sleep((graceSeconds + 5) * 1000)]);
      const ms = performance.now() - from;
      load.stop();
      const { answers, errors } = await running;
      const { ECONNREFUSED: refused = 0, ...others } = errors;
      all.push({ lost: others, refused, answers, exit, ms });
    } finally {
      await server.end();
    }
  }
  return all;
}
