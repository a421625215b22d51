import { requireScope, type Access, type Action, type Credentials, type Grant } from '../access';

/** Who asks for something, and what that one is found to be allowed. */
export interface Caller {
  readonly headers: Credentials;
  grant: Grant | undefined;
}

/**
 * Lets a request through; undefined if that is so at once. Who calls is noted where it is known, whatever that
 * one is allowed.
 *
 * @throws RequestError 401, 403 or 503; the promise rejects with the same
 */
export type Admit = (
  caller: Caller,
  needs: 'nothing' | Action,
  model: string | undefined,
) => Promise<void> | undefined;

/** @param access - undefined lets everybody through */
export function admission(access: Access | undefined): Admit {
  if (access === undefined) return () => undefined;
  return (caller, needs, model) => {
    if (needs === 'nothing') return undefined;
    const check = (grant: Grant): void => {
      caller.grant = grant;
      requireScope(grant, needs, model);
    };
    const grant = access.authenticate(caller.headers);
    if (grant instanceof Promise) return grant.then(check);
    check(grant);
    return undefined;
  };
}
