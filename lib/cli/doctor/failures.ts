/** Why a binary cannot be loaded. The names are stable: `onlite doctor --json` prints them. */
export type FailureCause =
  | 'addons-disabled'
  | 'permission-model'
  | 'not-found'
  | 'no-permission'
  | 'truncated'
  | 'not-a-library'
  | 'wrong-platform'
  | 'wrong-architecture'
  | 'musl-library'
  | 'glibc-library'
  | 'old-system'
  | 'missing-library'
  | 'other-library'
  | 'crash'
  | 'unknown';

export interface Failure {
  readonly cause: FailureCause;
  /** In the words of the system, the runtime or onlite. */
  readonly message: string;
  /** The library or version that is missing. */
  readonly needs?: string;
}

/**
 * What the loaders of the systems and native/runtimes/library_file.cc say, in the order in which
 * it is asked for. A group is what is needed.
 */
const patterns: readonly (readonly [FailureCause, RegExp])[] = [
  ['crash', /^the process (?:died of|ended with)/],
  ['truncated', /it is cut off|was published with|ELF load command past end|file too short/],
  [
    'wrong-architecture',
    /it is for (?:x64|arm64|ia32|arm|another processor)|error 193\b|wrong ELF class/,
  ],
  ['wrong-platform', /it is a library for /],
  ['not-a-library', /it is (?:no shared library|empty|a folder)|invalid ELF header/],
  ['old-system', /version [`']?((?:GLIBC|GLIBCXX|CXXABI|GCC)_[\d.]+)'? not found/],
  ['musl-library', /(libc\.musl-[^\s:]+|ld-musl-[^\s:]+): cannot open shared object file/],
  ['glibc-library', /Error loading shared library (ld-linux[^\s:]*|libc\.so\.6)/],
  ['glibc-library', /Error relocating [^:]+: (__\w+_chk|gnu_get_libc_version): symbol not found/],
  ['no-permission', /Permission denied|Operation not permitted|failed to map segment/],
  ['missing-library', /(?:^|[\s:])([^\s:/]+): cannot open shared object file: No such file/],
  ['missing-library', /Error loading shared library ([^\s:/]+): No such file/],
  ['missing-library', /Library not loaded: (\S+)/],
  ['missing-library', /LoadLibrary failed with error 126\b.*|error 126 ""/],
  ['not-found', /cannot open shared object file: No such file|no such file|there is no /i],
  ['other-library', /does not export|that onlite can use|undefined symbol/],
];

/** Node itself gives one code for both. */
function disabledBy(): FailureCause {
  return (process as { permission?: unknown }).permission === undefined
    ? 'addons-disabled'
    : 'permission-model';
}

/** The cause of a failure, from the messages of an error and of its causes. */
export function classify(messages: readonly string[]): Failure {
  const message = messages.join(': ');
  if (/loading addons is disabled|ERR_DLOPEN_DISABLED/.test(message)) {
    return { cause: disabledBy(), message };
  }
  for (const [cause, pattern] of patterns) {
    const match = pattern.exec(message);
    if (match === null) continue;
    const [, needs] = match;
    return { cause, message, ...(needs === undefined ? {} : { needs }) };
  }
  return { cause: 'unknown', message };
}

/** How the file came here: by a variable of the user's, or by a package. */
export interface Origin {
  readonly file: string;
  /** The variable, if there is one. */
  readonly variable?: string;
  /** How to get a binary that fits this machine. */
  readonly replacement: string;
}

/** What of NVIDIA's a library belongs to; undefined if to nothing of theirs. */
function partOfCuda(library: string): string | undefined {
  if (/^lib(?:nvinfer|nvonnxparser)/.test(library)) return 'TensorRT';
  return /^lib(?:cu|nv)/.test(library) ? 'CUDA and cuDNN' : undefined;
}

/** What to do about it, in an installed package as in a checkout. */
export function remedyOf({ cause, needs = '' }: Failure, origin: Origin): string {
  const { variable, replacement } = origin;
  const part = partOfCuda(needs);
  const again =
    variable === undefined
      ? `delete node_modules and install again on this machine, or ${replacement}`
      : `set ${variable} to a file that is made for this machine, or unset it`;
  switch (cause) {
    case 'addons-disabled':
      return 'start Node without --no-addons (it may be in NODE_OPTIONS)';
    case 'permission-model':
      return 'start Node with --allow-addons beside --permission';
    case 'no-permission':
      return `let this user read ${origin.file} and map it for execution (its folders too; no noexec mount)`;
    case 'truncated':
    case 'not-a-library':
      return variable === undefined ? again : `copy or download ${origin.file} again`;
    case 'musl-library':
      return `this system has glibc: ${again}`;
    case 'glibc-library':
      return `this system has musl: install the distribution's own library (apk add onnxruntime), or use an image with glibc`;
    case 'old-system':
      return `use a distribution with ${needs.replace('_', ' ')} or later, or a library built for this one`;
    case 'missing-library':
      return part !== undefined
        ? `install ${part} of the version that has ${needs}, or add their folder to LD_LIBRARY_PATH`
        : `install the system's package that has ${needs || 'it'}, or add its folder to the system's search path for libraries`;
    case 'not-found':
      return variable === undefined ? replacement : `correct or unset ${variable}`;
    case 'crash':
      return `use another version: ${replacement}`;
    case 'wrong-platform':
    case 'wrong-architecture':
    case 'other-library':
    case 'unknown':
      return again;
  }
}
