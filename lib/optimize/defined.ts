/** Leaves out what is undefined: optional properties may not be. */
export function defined<Options extends object>(
  options: Options,
): {
  [Key in keyof Options]: Exclude<Options[Key], undefined>;
} {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as ReturnType<typeof defined<Options>>;
}
