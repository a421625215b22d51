/**
 * TensorFlow Lite as Python's `tf.lite.Interpreter` (or `ai_edge_litert.interpreter.Interpreter`)
 * has it: the same steps under the same names in camel case, so that a tutorial carries over line
 * by line.
 *
 * @packageDocumentation
 */
export { Interpreter, type InterpreterOptions } from './interpreter';
export { type SignatureList, type SignatureRunner } from './signature-runner';
export { type QuantizationParameters, type TensorDetails } from './tensor-details';
export { type TensorValue } from './tensor-value';
