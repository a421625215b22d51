/**
 * Models at rest, in encrypted files. Loading this entry point loads no runtime.
 *
 * @packageDocumentation
 */
export { type ModelKey, type ModelKeySource } from '../model-key';
export {
  decryptBytes,
  decryptModel,
  encryptBytes,
  encryptModel,
  type DecryptOptions,
  type EncryptOptions,
} from './encrypt-model';
