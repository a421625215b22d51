import { badRequest } from '../wire/errors';
import type { Protocol, Route } from '../wire/route';

/** A path that a protocol has. */
export interface Found {
  readonly protocol: Protocol;
  readonly route: Route;
  readonly names: Readonly<Record<string, string | undefined>>;
}

/**
 * The first route that has a path.
 *
 * @throws RequestError 400 for a name with a wrong percent-encoding
 */
export function findRoute(protocols: readonly Protocol[], url: string): Found | undefined {
  const [path = ''] = url.split('?', 1);
  for (const protocol of protocols) {
    for (const route of protocol.routes) {
      const match = route.path.exec(route.withQuery === true ? url : path);
      if (match === null) continue;
      return { protocol, route, names: decoded(match.groups) };
    }
  }
  return undefined;
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
