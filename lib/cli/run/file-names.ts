const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;
const MAX_LENGTH = 100;

/** A name from a model made safe as a file name on every system; never a path. */
export function safeFileName(name: string): string {
  const plain = name
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .replace(/^\.+/, '_')
    .slice(0, MAX_LENGTH)
    .replace(/\.+$/, '_');
  if (plain === '') return '_';
  return RESERVED.test(plain) ? `_${plain}` : plain;
}

/** One file name for each name, in order, different even where case does not count. */
export function uniqueFileNames(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const base = safeFileName(name);
    let candidate = base;
    for (let suffix = 2; taken.has(candidate.toLowerCase()); suffix++) {
      candidate = `${base}-${suffix}`;
    }
    taken.add(candidate.toLowerCase());
    return candidate;
  });
}
