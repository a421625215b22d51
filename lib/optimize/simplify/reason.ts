/** What is said of something that was left out because it failed. */
export const reason = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
