// More requests than a server can answer, each with a time after which nobody waits for its answer.
import { quantile } from './answers.mjs';
import { CliServer } from './cli-server.mjs';

/**
 * A deadline begins when the server has read a request, and one that is told of it hears so after it: what is late
 * is what came a tenth after that.
 */
const LATE = 1.1;

/** @returns {capacity, goodput, late, …}; times in milliseconds */
export async function overload(load, { file, request, withDeadline, times, seconds, deadlineMs }) {
  const server = await CliServer.start([`net=${file}`, '--intra-op-threads', '1']);
  try {
    const { port } = server;
    await load.capacity({ port, request, seconds: 2, connections: 8 });
    const capacity = await load.capacity({ port, request, seconds: 4, connections: 8 });
    const options = { port, request: withDeadline, connections: 2000, seconds };
    const result = await load.run({ ...options, perSecond: times * capacity });
    const from = result.at[0] + 1000;
    const to = result.at.at(-1);
    const answered = (isGood) =>
      result.status.filter((status, index) => {
        const { at, waited } = result;
        return at[index] >= from && isGood(status, waited[index]);
      }).length;
    const good = answered((status, waited) => status === 200 && waited <= deadlineMs);
    const waits = result.waited.filter((_, index) => result.at[index] >= from);
    return {
      capacity,
      goodput: (good * 1000) / (to - from),
      late: answered((_, waited) => waited > LATE * deadlineMs),
      asked: waits.length,
      longest: quantile(waits, 1),
      p99: quantile(waits, 0.99),
      answers: result.answers,
      errors: result.errors,
    };
  } finally {
    await server.end();
  }
}
