import { createHash } from 'node:crypto';

import type { JSONWebKeySet, JWTPayload, JWTVerifyGetKey, JWTVerifyOptions } from 'jose';

import { parseScope, type Grant } from './scopes';

/** Which JSON Web Tokens (RFC 7519) a server takes. */
export interface TokenOptions {
  /** The keys of those who issue them: where these are (RFC 7517), or the key set itself. */
  readonly jwks: string | JSONWebKeySet;
  /** Tokens of others are refused. */
  readonly issuer: string;
  /** Tokens for others are refused. */
  readonly audience: string;
  /** The claim with the scopes, as text with spaces between or a list. Default `scope` (RFC 8693). */
  readonly scopeClaim?: string;
}

/** Signatures by a private key alone: with a shared secret, whoever can check tokens could make them. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
];

/** For so long a token that was verified is not verified again, and so many are known. */
const MOST_KNOWN_MS = 60_000;
const MOST_KNOWN = 1000;

/** The keys could not be had, which says nothing about the token. */
export class KeysUnavailable extends Error {}

/** Verifies tokens, with what `jose` knows of keys and signatures. */
export class Tokens {
  readonly #options: TokenOptions;
  readonly #verify: JWTVerifyOptions;
  readonly #known = new Map<string, { readonly grant: Grant; readonly until: number }>();
  #keys: Promise<JWTVerifyGetKey> | undefined;

  /** @throws RangeError for options that are none */
  constructor(options: TokenOptions) {
    const { jwks, issuer, audience } = options;
    if (typeof jwks === 'string' && !/^https?:\/\//.test(jwks)) {
      throw new RangeError(`jwks: expected a URL or a key set, got '${jwks}'`);
    }
    const { keys } = (typeof jwks === 'string' ? { keys: [] } : jwks) as { keys?: unknown };
    if (!Array.isArray(keys)) throw new RangeError('jwks: expected a key set, {"keys": […]}');
    for (const [name, value] of Object.entries({ issuer, audience })) {
      if (typeof value !== 'string' || value === '') {
        throw new RangeError(
          `${name}: expected text: without it, tokens for others would be taken`,
        );
      }
    }
    this.#options = options;
    this.#verify = { issuer, audience, algorithms: ALGORITHMS, requiredClaims: ['exp'] };
  }

  /**
   * What a token allows; undefined for one that is wrong, too old or from somebody else.
   *
   * @throws KeysUnavailable
   */
  async find(text: string): Promise<Grant | undefined> {
    const digest = createHash('sha256').update(text).digest('base64');
    const known = this.#known.get(digest);
    if (known !== undefined && Date.now() < known.until) return known.grant;
    this.#known.delete(digest);
    const { jwtVerify, errors } = await import('jose');
    let payload: JWTPayload;
    try {
      ({ payload } = await jwtVerify(text, await this.#getKeys(), this.#verify));
    } catch (error) {
      if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError)) {
        throw new KeysUnavailable('the keys of tokens cannot be had', { cause: error });
      }
      // jose says so of an answer that is no key set, or not 200.
      if (error.code === 'ERR_JOSE_GENERIC') {
        throw new KeysUnavailable('the keys of tokens cannot be had', { cause: error });
      }
      return undefined;
    }
    const grant = this.#grantOf(payload);
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    const until = Math.min((payload.exp ?? 0) * 1000, Date.now() + MOST_KNOWN_MS);
    this.#known.set(digest, { grant, until });
    return grant;
  }

  #getKeys(): Promise<JWTVerifyGetKey> {
    const { jwks } = this.#options;
    this.#keys ??= import('jose').then(({ createLocalJWKSet, createRemoteJWKSet }) =>
      typeof jwks === 'string' ? createRemoteJWKSet(new URL(jwks)) : createLocalJWKSet(jwks),
    );
    return this.#keys;
  }

  /** Scopes of other services, which a token may have too, say nothing here. */
  #grantOf(payload: JWTPayload): Grant {
    const claim = payload[this.#options.scopeClaim ?? 'scope'];
    const texts: unknown[] = Array.isArray(claim)
      ? claim
      : typeof claim === 'string'
        ? claim.split(' ')
        : [];
    const scopes = texts.flatMap((text) =>
      typeof text === 'string' ? (parseScope(text) ?? []) : [],
    );
    return { id: payload.sub ?? '', by: 'token', scopes };
  }
}
