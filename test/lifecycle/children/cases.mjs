/** Tells the test something: a line of JSON on standard output. */
export const report = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

/** Runs a case and reports it: `{name, error}`. */
export async function reportCase(name, run) {
  let error = null;
  try {
    await run();
  } catch (thrown) {
    error = String(thrown?.stack ?? thrown);
  }
  report({ name, error });
}

/**
 * Runs a script's cases one after the other for the engine that is its first
 * argument, each as often as its second says (once), and reports each:
 * `{name, error}`. A case gets the engine and the number of the round. The
 * process must then end by itself; a case whose promise is lost ends it with 13.
 */
export async function runCases(cases) {
  const [engine, rounds = '1'] = process.argv.slice(2);
  for (const [name, run] of Object.entries(cases)) {
    let error = null;
    for (let round = 0; round < Number(rounds) && error === null; round++) {
      try {
        await run(engine, round);
      } catch (thrown) {
        error = `round ${round}: ${thrown?.stack ?? thrown}`;
      }
    }
    report({ name, error });
  }
  report({ name: 'all cases', error: null });
}
