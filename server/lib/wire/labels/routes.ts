import { LONGEST_ID } from '../../models';
import type { Label } from '../../watch/local-watches';
import { RequestError, badRequest } from '../errors';
import { JSON_TYPE, jsonAnswer, type Body } from '../request';
import type { Handler, Protocol, WireContext } from '../route';

/** What is read at once by the thread that answers other requests, too. */
const MOST_LABELS = 10_000;
const MOST_BYTES = 4 << 20;

/** True labels of what models were asked, for those that are watched. */
export function labels({ label }: WireContext): Protocol {
  const take: Handler = async ({ names, body }) =>
    jsonAnswer(await label(names['model'] ?? '', readLabels(body)));
  return {
    // It is none of a model protocol's.
    name: 'http',
    owns: (path) => /^\/watch(\/|$)/.test(path),
    printError: ({ status, message }) => jsonAnswer({ error: message }, status),
    routes: [
      {
        path: /^\/watch\/models\/(?<model>[^/]+)\/labels$/,
        methods: { POST: take },
        takes: (type) => type === undefined || type === JSON_TYPE,
        needs: 'label',
      },
    ],
  };
}

/** @throws RequestError 400 naming what is wrong; 413 */
function readLabels(body: Body): Label[] {
  if (body.length > MOST_BYTES) {
    throw new RequestError(413, `expected ${MOST_BYTES} bytes at most, got ${body.length}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(body.bytes().toString('utf8'));
  } catch (error) {
    throw badRequest('', `the body is no JSON: ${(error as Error).message}`);
  }
  if (!Array.isArray(value)) {
    throw badRequest('', 'expected a list such as [{"requestId": "a", "label": 1}]');
  }
  if (value.length > MOST_LABELS) {
    throw new RequestError(413, `expected ${MOST_LABELS} labels at most, got ${value.length}`);
  }
  return value.map(readLabel);
}

function readLabel(value: unknown, index: number): Label {
  const path = `[${index}]`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRequest(path, 'expected an object with requestId and label');
  }
  const { requestId, label, ...others } = value as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined) throw badRequest(`${path}.${other.slice(0, 60)}`, 'is not known');
  if (typeof requestId !== 'string' || requestId === '' || requestId.length > LONGEST_ID) {
    throw badRequest(`${path}.requestId`, `expected a string of 1 to ${LONGEST_ID} letters`);
  }
  const isNumber = typeof label === 'number' && Number.isFinite(label);
  const isText = typeof label === 'string' && label.length <= LONGEST_ID;
  if (!isNumber && !isText) {
    throw badRequest(
      `${path}.label`,
      `expected a finite number, or a string of at most ${LONGEST_ID} letters`,
    );
  }
  return { requestId, label };
}
