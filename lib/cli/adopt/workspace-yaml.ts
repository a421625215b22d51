/** What pnpm reads of pnpm-workspace.yaml, with the override added; the rest stays as it is. */
export function withYamlOverride(text: string, name: string, spec: string): string {
  const others = withoutYamlOverride(text, name);
  const line = `  ${name}: '${spec}'\n`;
  if (/^overrides:[ \t]*$/m.test(others)) {
    return others.replace(/^overrides:[ \t]*\r?\n?/m, (key) => `${key.trimEnd()}\n${line}`);
  }
  return `${others === '' || others.endsWith('\n') ? others : `${others}\n`}overrides:\n${line}`;
}

/** The text without the override; without `overrides` if there is no other. */
export function withoutYamlOverride(text: string, name: string): string {
  const line = new RegExp(`^[ \\t]+['"]?${name}['"]?:.*\\r?\\n?`, 'm');
  return text.replace(line, '').replace(/^overrides:[ \t]*\r?\n(?![ \t])/m, '');
}
