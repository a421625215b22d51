import { badRequest } from '../wire/errors';
import type { Protocol, Route } from '../wire/route';

/** A path that a protocol has. */
export interface Found {
  readonly protocol: Protocol;
  readonly route: Route;
  readonly names: Readonly<Record<string, string | undefined>>;
}

/** Paths that clients call again and again; others are found anew. */
const MAX_KNOWN = 256;
const MAX_KNOWN_LENGTH = 256;

interface Match {
  readonly protocol: Protocol;
  readonly route: Route;
  readonly groups: Readonly<Record<string, string>> | undefined;
}

/** The routes of some protocols, in the order that they are looked at. */
export class RouteTable {
  readonly #protocols: readonly Protocol[];
  readonly #known = new Map<string, Found>();

  constructor(protocols: readonly Protocol[]) {
    this.#protocols = protocols;
  }

  /** The protocol that paths which no route has would be of. */
  ownerOf(path: string): Protocol | undefined {
    return this.#protocols.find(({ owns }) => owns(path));
  }

  /** Whether a route has a path, whatever the names in it are. */
  has(url: string): boolean {
    return this.#known.has(url) || this.#match(url) !== undefined;
  }

  /**
   * The first route that has a path.
   *
   * @throws RequestError 400 for a name with a wrong percent-encoding
   */
  find(url: string): Found | undefined {
    const known = this.#known.get(url);
    if (known !== undefined) return known;
    const match = this.#match(url);
    if (match === undefined) return undefined;
    const found = { ...match, names: decoded(match.groups) };
    if (url.length > MAX_KNOWN_LENGTH) return found;
    if (this.#known.size === MAX_KNOWN) this.#known.clear();
    this.#known.set(url, found);
    return found;
  }

  #match(url: string): Match | undefined {
    const path = withoutQuery(url);
    for (const protocol of this.#protocols) {
      for (const route of protocol.routes) {
        const match = route.path.exec(route.withQuery === true ? url : path);
        if (match !== null) return { protocol, route, groups: match.groups };
      }
    }
    return undefined;
  }
}

export function withoutQuery(url: string): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

function decoded(
  groups: Record<string, string | undefined> | undefined,
): Record<string, string | undefined> {
  const names: Record<string, string | undefined> = {};
  for (const [key, value] of Object.entries(groups ?? {})) {
    names[key] = value?.includes('%') === true ? decode(value) : value;
  }
  return names;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badRequest('', `the path has a wrong percent-encoding: '${text}'`);
  }
}
