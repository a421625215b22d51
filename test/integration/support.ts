import { join } from 'node:path';

import { OnliteError, Tensor } from 'onlite';
import { expect } from 'vitest';

export const root = join(__dirname, '..', '..');
export const fixture = (name: string): string => join(root, 'test/fixtures/models', name);
export const model = (name: string): string => join(root, 'models', name);

export const floats = (...values: number[]): Tensor<'float32'> => new Tensor('float32', values);

/** The OnliteError that an operation throws or rejects with. */
export async function errorOf(operation: () => unknown): Promise<OnliteError> {
  try {
    await operation();
  } catch (error) {
    expect(error).toBeInstanceOf(OnliteError);
    return error as OnliteError;
  }
  throw new Error('expected an error');
}

export async function expectError(
  operation: () => unknown,
  code: string,
  message: RegExp | string,
): Promise<void> {
  const error = await errorOf(operation);
  expect({ code: error.code, message: error.message }).toEqual({
    code,
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  });
}
