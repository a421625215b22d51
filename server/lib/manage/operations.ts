import type { CanaryKey, Tolerance } from '../models';
import type { ModelManager } from '../rollout';

type Version = number | string;

/** What operations are given, as their schema has it. */
interface Bodies {
  pin: { version: Version };
  unpin: object;
  rollback: { version?: Version };
  label: Record<string, Version | null>;
  canary: { version: Version; percent: number; key?: CanaryKey };
  promote: object;
  abort: object;
  shadow: { version: Version; percent: number; tolerance?: Tolerance };
  unshadow: object;
  load: { version?: Version };
  unload: { version?: Version };
  reset: object;
}

export type Operation = keyof Bodies;

type Operations = {
  readonly [Name in Operation]: (
    manager: ModelManager,
    model: string,
    body: Bodies[Name],
  ) => Promise<unknown>;
};

const textOf = (version: Version | undefined): string | undefined =>
  version === undefined ? undefined : String(version);

const operations: Operations = {
  pin: (manager, model, { version }) => manager.pin(model, String(version)),
  unpin: (manager, model) => manager.unpin(model),
  rollback: (manager, model, { version }) => manager.rollback(model, textOf(version)),
  label: (manager, model, labels) => {
    const named = Object.entries(labels).map(([label, version]) => [
      label,
      version === null ? null : String(version),
    ]);
    return manager.label(model, Object.fromEntries(named) as Record<string, string | null>);
  },
  canary: (manager, model, body) =>
    manager.canary(model, { ...body, version: String(body.version) }),
  promote: (manager, model) => manager.promote(model),
  abort: (manager, model) => manager.abort(model),
  shadow: (manager, model, body) =>
    manager.shadow(model, { ...body, version: String(body.version) }),
  unshadow: (manager, model) => manager.unshadow(model),
  load: (manager, model, { version }) => manager.load(model, textOf(version)),
  unload: (manager, model, { version }) => manager.unload(model, textOf(version)),
  reset: (manager, model) => manager.reset(model),
};

export const OPERATIONS = Object.keys(operations) as Operation[];

export const isOperation = (name: string): name is Operation => Object.hasOwn(operations, name);

/** Does it with a body that its schema has let pass. @throws ModelError */
export const operate = async (
  manager: ModelManager,
  operation: Operation,
  model: string,
  body: unknown,
): Promise<void> => {
  await operations[operation](manager, model, body as never);
};
