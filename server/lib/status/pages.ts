import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';

import { allows, type Grant } from '../access';
import { packageFolder } from '../package-folder';
import type { ManagedModel } from '../rollout';
import type { WatchOverview } from '../watch/local-watches';
import { statusDocument, type Reported } from './document';

/** An asset between the tags that it is put into. */
const PLACE = /\s*\/\* ((?:status|watched)\.(?:css|js)) \*\/\s*/g;

interface Html {
  readonly body: string;
  readonly policy: string;
}

/** The page in one piece, and the policy that lets nothing run and load but what is in it. */
function readPage(): Html {
  const folder = join(packageFolder(), 'assets');
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const hashes = new Map<string, string>();
  const body = read('status.html').replace(PLACE, (_, name: string) => {
    const text = read(name);
    hashes.set(name, `'sha256-${createHash('sha256').update(text).digest('base64')}'`);
    return text;
  });
  const policy = [
    "default-src 'none'",
    `script-src ${hashes.get('watched.js')} ${hashes.get('status.js')}`,
    `style-src ${hashes.get('status.css')}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  return { body, policy };
}

let page: Html | undefined;

interface StatusPage {
  readonly needs: 'nothing' | 'monitor';
  readonly answer: (
    request: IncomingMessage,
    response: ServerResponse,
    grant?: Grant,
  ) => Promise<void> | undefined;
}

function answer(
  { method }: IncomingMessage,
  response: ServerResponse,
  make: () => { type: string; body: string; policy?: string },
): undefined {
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { Allow: 'GET, HEAD', 'Content-Length': 0 }).end();
    return undefined;
  }
  const { type, body, policy = "default-src 'none'; frame-ancestors 'none'" } = make();
  response.writeHead(200, {
    'Content-Type': `${type}; charset=utf-8`,
    'Content-Length': Buffer.byteLength(body),
    'Content-Security-Policy': policy,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
  });
  response.end(body);
  return undefined;
}

/**
 * The status page, which tells nothing itself, and what it asks for: who may not monitor is told nothing, and
 * who may monitor some models no more than of these.
 */
export const statusPages = (reported: Reported): Map<string, StatusPage> =>
  new Map<string, StatusPage>([
    [
      '/status',
      {
        needs: 'nothing',
        answer: (request, response) =>
          answer(request, response, () => {
            page ??= readPage();
            return { type: 'text/html', ...page };
          }),
      },
    ],
    [
      '/status.json',
      {
        needs: 'monitor',
        answer: (request, response, grant) => {
          const seen = (model: string): boolean =>
            grant === undefined || allows(grant, 'monitor', model);
          const tell = (managed: readonly ManagedModel[], watched?: WatchOverview): void => {
            answer(request, response, () => ({
              type: 'application/json',
              body: JSON.stringify(statusDocument(reported, managed, watched, seen)),
            }));
          };
          const managed = reported.managed();
          const watched = reported.watched();
          if (managed instanceof Promise || watched !== undefined) {
            return Promise.all([managed, watched]).then((known) => tell(...known));
          }
          tell(managed);
          return undefined;
        },
      },
    ],
  ]);
