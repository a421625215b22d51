import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

import { parseScope, type Grant, type Scope } from './scopes';

/** An API key as it is kept: nothing in it opens anything. */
export interface ApiKey {
  /** Its name in logs: letters, digits, `.`, `_` and `-`. */
  readonly id: string;
  /** `sha256:` and the hexadecimal digest of the whole key. */
  readonly hash: string;
  /** `infer`, `manage`, `monitor` or `label`, each for all models or, as `infer:NAME` or `infer:PREFIX*`, for some. */
  readonly scopes: readonly string[];
  /** A time in ISO 8601 from which on it is refused. */
  readonly expires?: string;
}

/** A key that was made: `text` is shown once and kept nowhere. */
export interface NewApiKey {
  readonly text: string;
  readonly key: ApiKey;
}

const ID = /^[\w.-]{1,64}$/;
const HASH = /^sha256:[0-9a-f]{64}$/;

/**
 * Makes a key of 256 random bits. So much cannot be guessed, which is why one round of SHA-256 keeps it
 * safe, as it would not a password.
 *
 * @throws RangeError for a name, scope or time that is none
 */
export function createApiKey(id: string, scopes: readonly string[], expires?: string): NewApiKey {
  const text = `onl_${randomBytes(32).toString('base64url')}`;
  const hash = `sha256:${digestOf(text).toString('hex')}`;
  const key: ApiKey = { id, hash, scopes, ...(expires !== undefined && { expires }) };
  checkApiKey(key, 'key');
  return { text, key };
}

interface Known {
  readonly digest: Buffer;
  readonly expires: number;
  readonly grant: Grant;
}

/** The keys that a server takes. */
export class ApiKeys {
  readonly #known: readonly Known[];

  /** @throws RangeError naming the entry that is wrong */
  constructor(keys: readonly ApiKey[]) {
    const ids = new Set<string>();
    this.#known = keys.map((key, index) => {
      const known = checkApiKey(key, `keys[${index}]`);
      if (ids.has(key.id)) throw new RangeError(`keys[${index}].id: '${key.id}' is there twice`);
      ids.add(key.id);
      return known;
    });
  }

  /**
   * What a key allows; undefined for one that is not known or has expired. Takes as long for every key, so
   * that nothing is learnt from the time.
   */
  find(text: string): Grant | undefined {
    const digest = digestOf(text);
    let found: Known | undefined;
    for (const known of this.#known) if (timingSafeEqual(known.digest, digest)) found = known;
    return found !== undefined && Date.now() < found.expires ? found.grant : undefined;
  }
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

function checkApiKey(key: ApiKey, path: string): Known {
  const { id, hash, scopes, expires } = (key as Partial<ApiKey> | null) ?? {};
  if (typeof id !== 'string' || !ID.test(id)) {
    throw new RangeError(`${path}.id: expected up to 64 letters, digits, '.', '_' and '-'`);
  }
  if (typeof hash !== 'string' || !HASH.test(hash)) {
    throw new RangeError(`${path}.hash: expected 'sha256:' and 64 hexadecimal digits`);
  }
  if (!Array.isArray(scopes)) throw new RangeError(`${path}.scopes: expected a list of scopes`);
  const parsed = scopes.map((scope: unknown, index): Scope => {
    const found = typeof scope === 'string' ? parseScope(scope) : undefined;
    if (found !== undefined) return found;
    throw new RangeError(
      `${path}.scopes[${index}]: expected infer, manage, monitor or label, or such as infer:NAME`,
    );
  });
  const end = expires === undefined ? Infinity : Date.parse(expires);
  if (Number.isNaN(end)) throw new RangeError(`${path}.expires: expected a time in ISO 8601`);
  return {
    digest: Buffer.from(hash.slice('sha256:'.length), 'hex'),
    expires: end,
    grant: { id, by: 'key', scopes: parsed },
  };
}
