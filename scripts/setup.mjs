// Makes a fresh clone ready to run: dependencies, runtimes, native addon, TypeScript. Does only what
// is not done yet. Runs before there is a node_modules: what it imports is plain Node, and packages
// are imported where they are needed, after npm has installed them.
const MINIMUM_NODE = 20;

const HELP = `usage: node scripts/setup.mjs [options]

Installs dependencies (npm ci), fetches runtimes and models, builds the native addon and the
TypeScript; each only when needed. Silent when there is nothing to do.

  --tests   also what only the tests need
`;

async function main() {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(HELP);
    return;
  }
  const unknown = args.find((arg) => arg !== '--tests');
  if (unknown !== undefined) {
    process.stderr.write(`setup: unknown option ${unknown}\n${HELP}`);
    process.exitCode = 2;
    return;
  }
  if (Number(process.versions.node.split('.')[0]) < MINIMUM_NODE) {
    process.stderr.write(
      `setup: this is Node ${process.versions.node}, onlite needs ${MINIMUM_NODE} or later\n`,
    );
    process.exitCode = 1;
    return;
  }
  // Imported only now: an older Node would stop at their syntax instead of the message above.
  const { setUp } = await import('./lib/setup-steps.mjs');
  const { reportFailure } = await import('./lib/errors.mjs');
  try {
    await setUp({ tests: args.includes('--tests') });
  } catch (error) {
    reportFailure('setup', error);
  }
}

main();
