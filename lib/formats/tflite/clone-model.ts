import type { ModelT } from './objects';

function cloned<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(cloned) as Value;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, cloned(field) as unknown]),
  ) as Value;
}

/** A copy that may be edited; constants' bytes, which editing replaces and never changes, are shared. */
export function cloneModel(model: ModelT): ModelT {
  return cloned(model);
}
