import { sign, verify, type KeyObject } from 'node:crypto';

import { OnliteError } from '../errors';
import { hashFor, keyHint } from './signing-key';
import { jsonArray, jsonObject, jsonText } from './statement';

/*
 * A sigstore bundle (https://docs.sigstore.dev/about/bundle/) with a key: the statement in an envelope
 * of DSSE (https://github.com/secure-systems-lab/dsse), signed by ECDSA.
 */
const MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

/** What is signed: DSSE's pre-authentication encoding. */
function preAuthentication(payload: Buffer): Buffer {
  const head = `DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.byteLength} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** Signs a statement. @returns the text of a bundle */
export function signBundle(payload: Buffer, key: KeyObject): string {
  const signature = sign(hashFor(key, 'options.key'), preAuthentication(payload), key);
  return JSON.stringify({
    mediaType: MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint: keyHint(key) }, tlogEntries: [] },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType: PAYLOAD_TYPE,
      signatures: [{ sig: signature.toString('base64'), keyid: '' }],
    },
  });
}

const invalid = (what: string): OnliteError =>
  new OnliteError('ERR_MODEL_INVALID', `signature: ${what}`);

/** A statement, and the hint of the key that has signed it. */
export interface VerifiedBundle {
  readonly payload: Buffer;
  readonly keyHint: string;
}

/**
 * Checks that one of the keys has signed what is in a bundle.
 *
 * @throws OnliteError ERR_MODEL_INVALID where none has, or the text is no bundle; ERR_UNSUPPORTED for
 *   those with a certificate
 */
export function verifyBundle(text: string, trusted: readonly KeyObject[]): VerifiedBundle {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new OnliteError('ERR_MODEL_INVALID', 'signature: no sigstore bundle, which is JSON', {
      cause,
    });
  }
  const { mediaType, verificationMaterial, dsseEnvelope } = jsonObject(parsed, 'bundle');
  if (mediaType !== MEDIA_TYPE) throw invalid(`expected a sigstore bundle, ${MEDIA_TYPE}`);
  const material = jsonObject(verificationMaterial, 'verificationMaterial');
  if (material['publicKey'] === undefined) {
    throw new OnliteError(
      'ERR_UNSUPPORTED',
      'signature: by a certificate, not by a key: model_signing verifies it',
    );
  }
  const envelope = jsonObject(dsseEnvelope, 'dsseEnvelope');
  if (envelope['payloadType'] !== PAYLOAD_TYPE) throw invalid(`expected ${PAYLOAD_TYPE}`);
  const payload = base64(envelope['payload'], 'dsseEnvelope.payload');
  const [first] = jsonArray(envelope['signatures'], 'dsseEnvelope.signatures');
  const path = 'dsseEnvelope.signatures[0]';
  const signature = base64(jsonObject(first, path)['sig'], `${path}.sig`);

  const hint = jsonObject(material['publicKey'], 'publicKey')['hint'];
  const named = typeof hint === 'string' && hint !== '' ? hint : undefined;
  const candidates = trusted.filter((key) => named === undefined || keyHint(key) === named);
  if (candidates.length === 0) throw invalid(`by a key that is not trusted: ${String(named)}`);
  const signed = preAuthentication(payload);
  const signer = candidates.find((key) =>
    verify(hashFor(key, 'options.trustedKeys'), signed, key, signature),
  );
  if (signer === undefined) throw invalid('not by a trusted key, or damaged');
  return { payload, keyHint: keyHint(signer) };
}

function base64(value: unknown, path: string): Buffer {
  const text = jsonText(value, path);
  if (/^[\w+/-]+=*$/.test(text)) return Buffer.from(text, 'base64');
  throw invalid(`${path}: expected base64`);
}
