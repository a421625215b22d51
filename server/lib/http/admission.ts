import type { IncomingMessage } from 'node:http';

import { requireScope, type Access, type Action } from '../access';

/**
 * Lets a request through; undefined if that is so at once.
 *
 * @throws RequestError 401, 403 or 503; the promise rejects with the same
 */
export type Admit = (
  request: IncomingMessage,
  needs: 'nothing' | Action,
  model: string | undefined,
) => Promise<void> | undefined;

/** @param access - undefined lets everybody through */
export function admission(access: Access | undefined): Admit {
  if (access === undefined) return () => undefined;
  return ({ headers }, needs, model) => {
    if (needs === 'nothing') return undefined;
    const grant = access.authenticate(headers);
    if (grant instanceof Promise) return grant.then((known) => requireScope(known, needs, model));
    requireScope(grant, needs, model);
    return undefined;
  };
}
