// A short program under valgrind's memcheck (Linux). It fails on an error whose stack passes
// through onlite.node, and on memory that onlite.node itself allocated and lost.
import { mkdirSync, readFileSync } from 'node:fs';

import { ensurePackages, hasCommand, run, runMain } from './lib/native-tools.mjs';
import { at } from './lib/project.mjs';

const report = at('build', 'valgrind.xml');

const tag = (text, name) => new RegExp(`<${name}>([^]*?)</${name}>`).exec(text)?.[1] ?? '';
const all = (text, name) =>
  [...text.matchAll(new RegExp(`<${name}>([^]*?)</${name}>`, 'g'))].map(([, inner]) => inner);

/** The errors of a report: kind, description and the frames of the stack where it happened. */
function readErrors(xml) {
  return all(xml, 'error').map((error) => ({
    kind: tag(error, 'kind'),
    what: tag(error, 'what') || tag(error, 'text'),
    frames: all(tag(error, 'stack'), 'frame').map((frame) => ({
      object: tag(frame, 'obj'),
      function: tag(frame, 'fn') || '?',
    })),
  }));
}

const isOurs = (frame) => frame.object.endsWith('onlite.node');

/** Lost memory is its allocator's fault: a runtime that we called keeps caches of its own. */
function concernsUs({ kind, frames }) {
  if (!kind.startsWith('Leak_')) return frames.some(isOurs);
  const allocator = frames.find(({ object }) => !/vgpreload_|libstdc\+\+/.test(object));
  return allocator !== undefined && isOurs(allocator);
}

await runMain(() => {
  if (process.platform !== 'linux') throw new Error('valgrind is run on Linux only');
  ensurePackages({ valgrind: hasCommand('valgrind') });
  mkdirSync(at('build'), { recursive: true });
  run('valgrind', [
    '--tool=memcheck',
    '--xml=yes',
    `--xml-file=${report}`,
    `--suppressions=${at('scripts', 'suppressions', 'valgrind.supp')}`,
    '--leak-check=full',
    '--show-leak-kinds=definite',
    '--num-callers=40',
    // Valgrind runs one thread at a time and would let a spinning one starve the others.
    '--fair-sched=yes',
    process.execPath,
    // V8 catches out-of-bounds WebAssembly by SIGSEGV in a reserved 10 GB: not under valgrind.
    '--disable-wasm-trap-handler',
    // For the program's own gc(), which leaves no session to the end of the process.
    '--expose-gc',
    at('test', 'valgrind', 'smoke.mjs'),
    ...process.argv.slice(2),
  ]);
  const errors = readErrors(readFileSync(report, 'utf8'));
  const ours = errors.filter(concernsUs);
  for (const { kind, what, frames } of ours) {
    console.error(`${kind}: ${what}`);
    for (const frame of frames) console.error(`    ${frame.function} (${frame.object})`);
  }
  const others = errors.length - ours.length;
  console.log(
    `valgrind: ${ours.length} errors in onlite, ${others} elsewhere (build/valgrind.xml)`,
  );
  if (ours.length > 0) throw new Error('valgrind found errors in onlite');
});
