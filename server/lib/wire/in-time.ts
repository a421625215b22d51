import type { ModelRepository, ServedModel } from '../models';
import type { Route } from './route';

/**
 * Refuses requests that a model would answer too late, which need not be read for that: but not where their version
 * is chosen by what they are.
 *
 * @throws Overloaded
 */
export const inTime =
  (models: ModelRepository): Required<Route>['beforeBody'] =>
  ({ names: { model: name = models.only, version, label }, caller }) => {
    if (name === undefined || label !== undefined) return;
    if (version === undefined && models.canary(name) !== undefined) return;
    let model: ServedModel;
    try {
      model = models.find(name, version);
    } catch {
      // The handler says why, in its own words.
      return;
    }
    model.queue.refuseLate(caller);
  };
