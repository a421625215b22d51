import { OnliteError } from 'onlite';
import { expect } from 'vitest';

/** The code of the OnliteError that an operation throws; undefined if it throws nothing. */
export function codeOf(operation: () => unknown): unknown {
  try {
    operation();
  } catch (error) {
    // By name and code: the class under test may come from source, the imported one from the package.
    expect((error as Error).name).toBe(new OnliteError('ERR_BUSY', '').name);
    return (error as OnliteError).code;
  }
  return undefined;
}
