/** Tells the test something: a line of JSON on standard output. */
export const report = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

/**
 * Runs a script's cases one after the other for the engine that is its argument,
 * and reports each: `{name, error}`. The process must then end by itself.
 */
export async function runCases(cases) {
  const engine = process.argv[2];
  for (const [name, run] of Object.entries(cases)) {
    let error = null;
    try {
      await run(engine);
    } catch (thrown) {
      error = String(thrown?.stack ?? thrown);
    }
    report({ name, error });
  }
}
