import { writeSync } from 'node:fs';

import type { ServerLog } from './server-log';

export const LOG_FORMATS = ['json', 'text'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** A line of pino's, as far as text has it. */
interface Line {
  readonly msg: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
  readonly requestId?: string;
}

/**
 * Pino on a file descriptor: a line of JSON each, or of text for somebody who reads along. What is written is
 * there when the call returns, so that nothing is lost at the end of the process.
 */
export function pinoLog(level: string, format: LogFormat, descriptor = 2): ServerLog {
  // Loaded when something is logged: programs that bring their own logger need none of it.
  const { pino, stdTimeFunctions } = require('pino') as typeof import('pino');
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  if (format === 'json') {
    const destination = pino.destination({ dest: descriptor, sync: true });
    // A full disk, say, is no reason to end: the server goes on without its log.
    destination.on('error', () => undefined);
    return pino(options, destination);
  }
  return pino(options, { write: (line) => writeText(descriptor, line) });
}

/** The message alone: it says all that somebody at a terminal has to know. */
function writeText(descriptor: number, line: string): void {
  const { msg, err, requestId } = JSON.parse(line) as Line;
  const why = err === undefined ? '' : `: ${err.stack ?? err.message}`;
  const of = requestId === undefined ? '' : ` (request ${requestId})`;
  try {
    writeSync(descriptor, `onlite-server: ${plain(msg)}${of}${why.replaceAll(CONTROL, shown)}\n`);
  } catch {
    // Nobody reads along any more, or not at this moment.
  }
}

/** What would be another line, or would be done by a terminal: names of folders may have it. A stack has its lines. */
// eslint-disable-next-line no-control-regex -- it is about them
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g;

const shown = (letter: string): string =>
  `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;

const plain = (text: string): string => text.replaceAll(CONTROL, shown).replaceAll('\n', '\\n');
