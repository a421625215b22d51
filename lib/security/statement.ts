import { OnliteError } from '../errors';
import { isHashType, rootDigest, type Serialization, type SignedFile } from './manifest';

/*
 * The in-toto statement (https://in-toto.io/Statement/v1) that model-signing 1.x signs: what the model
 * is called and the hash of all hashes as its subject, and the files in the predicate.
 */
const STATEMENT = 'https://in-toto.io/Statement/v1';
const PREDICATE = 'https://model_signing/signature/v1.0';

/** What a signature says of a model. */
export interface Statement {
  /** Of the file or folder that was signed; it may have another name now. */
  readonly name: string;
  readonly serialization: Serialization;
  readonly files: readonly SignedFile[];
}

export function encodeStatement({ name, serialization, files }: Statement): Buffer {
  const { method, hashType, allowSymlinks, ignorePaths, shardSize } = serialization;
  const statement = {
    _type: STATEMENT,
    subject: [{ name, digest: { sha256: rootDigest(files) } }],
    predicateType: PREDICATE,
    predicate: {
      serialization: {
        method,
        hash_type: hashType,
        ...(shardSize === undefined ? {} : { shard_size: shardSize }),
        allow_symlinks: allowSymlinks,
        ignore_paths: ignorePaths,
      },
      resources: files.map((file) => ({
        name: file.name,
        algorithm: file.algorithm,
        digest: file.digest,
      })),
    },
  };
  return Buffer.from(JSON.stringify(statement, undefined, 2));
}

type Json = Readonly<Record<string, unknown>>;

const wrong = (what: string): OnliteError =>
  new OnliteError('ERR_MODEL_INVALID', `signature: ${what}`);
const unsupported = (what: string): OnliteError =>
  new OnliteError('ERR_UNSUPPORTED', `signature: ${what}`);

export function jsonObject(value: unknown, path: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw wrong(`${path}: expected an object`);
}

export function jsonArray(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw wrong(`${path}: expected an array`);
}

export function jsonText(value: unknown, path: string): string {
  if (typeof value === 'string') return value;
  throw wrong(`${path}: expected a string`);
}

/** @throws OnliteError ERR_MODEL_INVALID, ERR_UNSUPPORTED for what other versions write */
export function parseStatement(payload: Buffer): Statement {
  let parsed: unknown;
  try {
    parsed = JSON.parse(payload.toString());
  } catch (cause) {
    throw new OnliteError('ERR_MODEL_INVALID', 'signature: the statement is no JSON', { cause });
  }
  const statement = jsonObject(parsed, 'statement');
  if (statement['_type'] !== STATEMENT) throw unsupported(`statement: expected _type ${STATEMENT}`);
  if (statement['predicateType'] !== PREDICATE) {
    throw unsupported(
      `statement: expected predicateType ${PREDICATE}, as model-signing 1 writes it`,
    );
  }
  const [first, second] = jsonArray(statement['subject'], 'statement.subject');
  if (second !== undefined) throw wrong('statement.subject: expected one');
  const subject = jsonObject(first, 'statement.subject[0]');
  const digests = jsonObject(subject['digest'], 'statement.subject[0].digest');
  const predicate = jsonObject(statement['predicate'], 'statement.predicate');
  const resources = jsonArray(predicate['resources'], 'statement.predicate.resources');
  const files = resources.map((resource, index): SignedFile => {
    const path = `statement.predicate.resources[${index}]`;
    const { name, algorithm, digest } = jsonObject(resource, path);
    const hex = jsonText(digest, `${path}.digest`);
    if (!/^(?:[0-9a-f]{2})+$/i.test(hex))
      throw wrong(`${path}.digest: expected hexadecimal digits`);
    return {
      name: jsonText(name, `${path}.name`),
      algorithm: jsonText(algorithm, `${path}.algorithm`),
      digest: hex.toLowerCase(),
    };
  });
  if (files.length === 0) throw wrong('it names no file');
  if (new Set(files.map(({ name }) => name)).size !== files.length) {
    throw wrong('it names a file twice');
  }
  if (rootDigest(files) !== jsonText(digests['sha256'], 'statement.subject[0].digest.sha256')) {
    throw wrong("the files' hashes are not those of its subject");
  }
  return {
    name: jsonText(subject['name'], 'statement.subject[0].name'),
    serialization: parseSerialization(predicate['serialization']),
    files,
  };
}

function parseSerialization(value: unknown): Serialization {
  const path = 'statement.predicate.serialization';
  const found = jsonObject(value, path);
  const { method, hash_type: hashType, shard_size: shardSize } = found;
  if (method !== 'files' && method !== 'shards') {
    throw unsupported(`${path}.method: expected files or shards`);
  }
  if (!isHashType(hashType)) {
    throw unsupported(`${path}.hash_type: expected sha256 or blake2b, which Node.js has`);
  }
  const ignored = jsonArray(found['ignore_paths'] ?? [], `${path}.ignore_paths`);
  const common = {
    method,
    hashType,
    allowSymlinks: found['allow_symlinks'] === true,
    ignorePaths: ignored.map((each) => jsonText(each, `${path}.ignore_paths`)),
  } as const;
  if (method === 'files') return common;
  if (typeof shardSize !== 'number' || !Number.isSafeInteger(shardSize) || shardSize < 1) {
    throw wrong(`${path}.shard_size: expected a whole number`);
  }
  return { ...common, shardSize };
}
