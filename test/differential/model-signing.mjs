// onlite/security and PyPI's model-signing on the same models: each verifies what the other has signed,
// and both refuse what was changed since. usage: model-signing.mjs [--python PYTHON]
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { signModel, verifyModel } from 'onlite/security';

import { managedPython } from './python.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));

const { values } = parseArgs({ options: { python: { type: 'string' } } });
const requirements = join(here, 'model-signing.txt');
const python = values.python ?? managedPython('model-signing-venv', requirements);

/** Whether model-signing's command succeeds; what it says where it should and does not. */
function modelSigning(verb, model, options) {
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const command = ['-m', 'model_signing', verb, 'key', model, ...args];
  const { status, stdout, stderr } = spawnSync(python, command, { encoding: 'utf8' });
  return { ok: status === 0, said: stdout + stderr };
}

const folder = mkdtempSync(join(tmpdir(), 'onlite-model-signing-'));
let checks = 0;
const failures = [];

function check(what, ok, said = '') {
  checks++;
  if (!ok) failures.push(`${what}: ${said}`);
}

async function ours(model, signature, publicKey) {
  return verifyModel(model, { signature, trustedKeys: [readFileSync(publicKey)] }).then(
    () => ({ ok: true, said: '' }),
    (error) => ({ ok: false, said: error.message }),
  );
}

function write(model, files) {
  for (const [name, content] of Object.entries(files)) {
    const path = join(model, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
}

/** Names whose order, and whose JSON, is not what it looks like. */
const TREES = {
  flat: { 'model.onnx': randomBytes(3_000_000), 'labels.txt': 'a\nb\n' },
  nested: { 'a/b/c': 'x', 'a-b': 'y', 'a.b': 'z', 'a/b.c': '', '.hidden/d': 'w', 'B/a': 'v' },
  names: { 'é 1': 'x', 'a"b\\c': 'y', '\u{1f600}': 'z', '\uffee': 'w', 'a:1:2': 'v', 'sub/~': '' },
  git: {
    'm.tflite': 'x',
    '.git/HEAD': 'x',
    '.gitignore': 'x',
    '.gitattributes': 'x',
    '.github/a': 'x',
    'sub/.gitignore': 'counts',
  },
};

/** What may have been done to a signed folder; each gives back whether anything was. */
const CHANGES = {
  'a file changed': (model, [first]) => writeFileSync(join(model, first), 'changed'),
  'a file missing': (model, [first]) => rmSync(join(model, first)),
  'a file added': (model) => writeFileSync(join(model, 'added'), ''),
  'a file renamed': (model, [first]) => renameSync(join(model, first), join(model, 'renamed')),
};

try {
  for (const namedCurve of ['prime256v1', 'secp384r1', 'secp521r1']) {
    const pair = generateKeyPairSync('ec', { namedCurve });
    const key = join(folder, 'key.pem');
    const publicKey = join(folder, 'key.pub');
    writeFileSync(key, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    writeFileSync(publicKey, pair.publicKey.export({ type: 'spki', format: 'pem' }));
    for (const [name, files] of Object.entries(TREES)) {
      const model = join(folder, name);
      rmSync(model, { recursive: true, force: true });
      write(model, files);
      const one = join(model, Object.keys(files)[0]);
      const signatures = {
        'ours, inside': [model, join(model, 'ours.sig'), true],
        'theirs, inside': [model, join(model, 'model.sig'), false],
        'ours of a file': [one, join(folder, 'one-ours.sig'), true],
        'theirs of a file': [one, join(folder, 'one-theirs.sig'), false],
      };
      for (const [kind, [target, signature, isOurs]] of Object.entries(signatures)) {
        const what = `${namedCurve}, ${name}, ${kind}`;
        if (isOurs) await signModel(target, { key: pair.privateKey, signature });
        else {
          const { ok, said } = modelSigning('sign', target, { private_key: key, signature });
          check(`${what}: signed`, ok, said);
        }
        const theirs = modelSigning('verify', target, { public_key: publicKey, signature });
        check(`${what}: verified by model-signing`, theirs.ok, theirs.said);
        const own = await ours(target, signature, publicKey);
        check(`${what}: verified by onlite`, own.ok, own.said);
        if (namedCurve === 'prime256v1' && target === model) {
          for (const [change, make] of Object.entries(CHANGES)) {
            const copy = join(folder, 'copy');
            rmSync(copy, { recursive: true, force: true });
            cpSync(model, copy, { recursive: true });
            make(copy, Object.keys(files));
            const moved = join(copy, signature.slice(model.length + 1));
            const found = modelSigning('verify', copy, { public_key: publicKey, signature: moved });
            check(`${what}: ${change}, model-signing`, !found.ok, found.said);
            const refused = await ours(copy, moved, publicKey);
            check(
              `${what}: ${change}, onlite`,
              /is not as signed/.test(refused.said),
              refused.said,
            );
          }
        }
        if (target === model) rmSync(signature);
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const failure of failures) console.error(failure);
console.log(`${checks - failures.length} of ${checks} as expected`);
if (failures.length > 0 || checks === 0) process.exitCode = 1;
