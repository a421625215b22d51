import { RequestError } from '../wire/errors';
import { ApiKeys, type ApiKey } from './keys';
import { allows, type Action, type Grant } from './scopes';
import { KeysUnavailable, Tokens, type TokenOptions } from './tokens';

/** Who may call a server. Keys and tokens can be taken side by side. */
export interface AccessOptions {
  readonly keys?: readonly ApiKey[];
  readonly tokens?: TokenOptions;
}

/** Of a request, or the metadata of a call. */
export type Credentials = Readonly<Record<string, string | string[] | undefined>>;

/** What a token of JSON Web Signatures looks like; keys of ours have no dot. */
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]*$/;
/** More is no key and no token, and not worth the hash. */
const MOST_CHARACTERS = 16_384;

/** Lets those through that have a key or a token, to what these allow. */
export class Access {
  #keys: ApiKeys;
  readonly #tokens: Tokens | undefined;

  /** @throws RangeError naming the option that is wrong */
  constructor({ keys = [], tokens }: AccessOptions) {
    this.#keys = new ApiKeys(keys);
    this.#tokens = tokens && new Tokens(tokens);
  }

  /** Takes other keys from now on; where one is wrong, those from before. @throws RangeError */
  setKeys(keys: readonly ApiKey[]): void {
    this.#keys = new ApiKeys(keys);
  }

  /**
   * Who calls. Without a promise for a key, so that a request with one is as quick as without.
   *
   * @throws RequestError 401; 503 if it cannot be said for now
   */
  authenticate(headers: Credentials): Grant | Promise<Grant> {
    const text = credentialOf(headers);
    if (text === undefined || text.length > MOST_CHARACTERS) throw unauthorized(false);
    if (this.#tokens !== undefined && TOKEN.test(text)) return this.#byToken(this.#tokens, text);
    const grant = this.#keys.find(text);
    if (grant === undefined) throw unauthorized(true);
    return grant;
  }

  async #byToken(tokens: Tokens, text: string): Promise<Grant> {
    try {
      const grant = await tokens.find(text);
      if (grant !== undefined) return grant;
    } catch (error) {
      if (!(error instanceof KeysUnavailable)) throw error;
      throw new RequestError(503, error.message, { 'Retry-After': '5' });
    }
    throw unauthorized(true);
  }
}

/** @throws RequestError 403 */
export function requireScope(grant: Grant, action: Action, model: string | undefined): void {
  if (allows(grant, action, model)) return;
  const scope = model === undefined ? action : `${action}:${model}`;
  throw new RequestError(403, `the key or token does not allow '${scope}'`, {
    'WWW-Authenticate': 'Bearer realm="onlite", error="insufficient_scope"',
  });
}

/** `Authorization: Bearer …` (RFC 6750), or `X-API-Key: …`. */
function credentialOf(headers: Credentials): string | undefined {
  const { authorization, 'x-api-key': key } = headers;
  if (typeof authorization === 'string') return /^bearer +(\S+) *$/i.exec(authorization)?.[1];
  return typeof key === 'string' ? key : undefined;
}

function unauthorized(isGiven: boolean): RequestError {
  const message = isGiven
    ? 'the key or token is not known, or has expired'
    : 'expected Authorization: Bearer with a key or token, or X-API-Key';
  const error = isGiven ? ', error="invalid_token"' : '';
  return new RequestError(401, message, { 'WWW-Authenticate': `Bearer realm="onlite"${error}` });
}
