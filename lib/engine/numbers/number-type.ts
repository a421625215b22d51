import { OnliteError, describe, invalidArgument } from '../../errors';
import { elementType, type ElementType, type ElementTypeInfo } from '../tensor/element-type';

/** The element types that are numbers in JSON text: one value an element. */
export type NumberType = Extract<
  ElementType,
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool'
>;

/** @throws OnliteError ERR_INVALID_ARGUMENT for no type, ERR_UNSUPPORTED for one without numbers. */
export function requireNumberType(name: unknown, path: string): ElementTypeInfo {
  const type = elementType(name);
  if (type === undefined) throw invalidArgument(path, 'an element type', name);
  const isNumber = type.plain || type.name === 'float16' || type.name === 'bfloat16';
  if (isNumber && type.array !== undefined) return type;
  throw new OnliteError(
    'ERR_UNSUPPORTED',
    `${path}: expected a type of numbers or bool, got ${describe(name)}`,
  );
}
