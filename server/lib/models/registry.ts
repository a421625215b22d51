import type { ResolvedModel } from 'onlite/watch';

/** As MLflow writes the address of a model of its registry. */
const SCHEME = 'models:/';

/** Whether what is named as a model's place is its address in an MLflow registry. */
export const isInRegistry = (path: string): boolean => path.startsWith(SCHEME);

/** What `resolveModel` of onlite/watch takes; names are parts of paths, too. */
const ADDRESS = /^models:\/(?!\.+[/@])[^/@]+(?:\/(?:\d+|latest)|@[^/@]+)$/;

/** @throws Error for an address that no registry can have a model at, before one is asked */
export function checkAddress(address: string): void {
  if (ADDRESS.test(address)) return;
  const expected = "'models:/NAME/VERSION', 'models:/NAME/latest' or 'models:/NAME@ALIAS'";
  throw new Error(`expected ${expected}, got '${address}'`);
}

/** The name that an address has. */
export const registeredName = (address: string): string =>
  /^[^/@]*/.exec(address.slice(SCHEME.length))?.[0] ?? '';

/** Whether an address may stand for another version later: an alias or the latest one. */
export const mayMove = (address: string): boolean => !/\/\d+$/.test(address);

/**
 * The file and the version that an address stands for now, on this machine.
 *
 * @throws OnliteError as `resolveModel` of onlite/watch, which is loaded where there is such a model
 */
export async function fromRegistry(address: string, signal: AbortSignal): Promise<ResolvedModel> {
  const { resolveModel } = await import('onlite/watch');
  return resolveModel(address, { signal });
}
