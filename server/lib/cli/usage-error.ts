/** The command line is wrong: usage on stderr and exit code 2. */
export class UsageError extends Error {}
