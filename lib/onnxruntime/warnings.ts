const given = new Set<string>();

/** Warns the process that something is ignored, once for each message. */
export function warnOnce(code: string, message: string): void {
  if (given.has(message)) return;
  given.add(message);
  process.emitWarning(message, { type: 'OnliteWarning', code });
}
