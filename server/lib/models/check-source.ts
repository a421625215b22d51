import { OnliteError } from 'onlite';

import type { ModelSource, ServingOptions } from './served-model';

const SOURCE: Readonly<Record<keyof ModelSource, true>> = {
  name: true,
  version: true,
  file: true,
  session: true,
  serving: true,
};

const SERVING: Readonly<Record<keyof ServingOptions, true>> = {
  classLabels: true,
  defaultSignature: true,
  timeoutMs: true,
  maxRunMs: true,
  isolation: true,
  watch: true,
};

/**
 * What is not known would be left out without a word. Options of the session are its own to check.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT
 */
export function checkSource(source: ModelSource): void {
  checkKeys(source, 'source', SOURCE);
  const { serving } = source;
  if (serving !== undefined) checkKeys(serving, 'source.serving', SERVING);
}

function checkKeys(value: unknown, path: string, known: Readonly<Record<string, true>>): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new OnliteError('ERR_INVALID_ARGUMENT', `${path}: expected an object`);
  }
  const unknown = Object.keys(value).find((key) => !Object.hasOwn(known, key));
  if (unknown === undefined) return;
  const names = Object.keys(known).sort().join(', ');
  const what = `${path}: expected one of ${names}, got '${unknown.slice(0, 40)}'`;
  throw new OnliteError('ERR_INVALID_ARGUMENT', what);
}
