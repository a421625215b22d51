/**
 * What a caller may be allowed: to run models, to change what is served, to read the server's own figures, to tell what
 * models should have said.
 */
export type Action = 'infer' | 'manage' | 'monitor' | 'label';

/** Who calls, and what that one may do. */
export interface Grant {
  /** The key's name, or the token's subject. */
  readonly id: string;
  readonly by: 'key' | 'token';
  readonly scopes: readonly Scope[];
}

/** In place of a model: what only a scope for all models allows. */
export const ALL_MODELS = '*';

/** An action on some models. */
export interface Scope {
  readonly action: Action;
  /** A model's name, or what one begins with before a `*`. */
  readonly model: string;
}

const SCOPE = /^(?<action>infer|manage|monitor|label)(?::(?<model>[^\s*]*\*?))?$/;

/** `infer` for all models, `infer:NAME`, `infer:PREFIX*`; undefined for what is no scope of this server. */
export function parseScope(text: string): Scope | undefined {
  const { action, model = '*' } = SCOPE.exec(text)?.groups ?? {};
  return action === undefined || model === '' ? undefined : { action: action as Action, model };
}

/** @param model - undefined for what is about no model, or about all: any scope of the action will do */
export function allows({ scopes }: Grant, action: Action, model: string | undefined): boolean {
  return scopes.some(
    (scope) => scope.action === action && (model === undefined || isOf(model, scope.model)),
  );
}

const isOf = (model: string, pattern: string): boolean =>
  pattern.endsWith('*') ? model.startsWith(pattern.slice(0, -1)) : model === pattern;
