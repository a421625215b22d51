/**
 * The names that a session gives to inputs or outputs, which a file may call alike or not at all:
 * a later one of a name that was there before is `name:1`, a blank one `input:2` by its index.
 *
 * @param list - `input` or `output`
 */
export function uniqueNames(names: readonly string[], list: string): string[] {
  const taken = new Set(names);
  const given = new Set<string>();
  return names.map((name, index) => {
    if (name !== '' && !given.has(name)) {
      given.add(name);
      return name;
    }
    let number = name === '' ? index : 1;
    const numbered = (): string => `${name || list}:${number}`;
    while (taken.has(numbered())) number++;
    const unique = numbered();
    taken.add(unique);
    return unique;
  });
}
