/**
 * Models at rest: encrypted files, and signatures by which a model is known to be the one that was
 * published. Loading this entry point loads no runtime.
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
export { modelKeyAt, type ModelKeyPlace } from './key-place';
export { type SignedFile } from './manifest';
export { type PrivateKey, type PublicKey } from './signing-key';
export { signModel, type SignedModel, type SignOptions } from './sign-model';
export { verifyModel, type VerifiedModel, type VerifyOptions } from './verify-model';
