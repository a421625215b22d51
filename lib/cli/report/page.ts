import type { DocumentHead } from '../document';
import type { ModelFile } from '../model-file';
import { byteSize } from '../output';
import { html, Markup, moment } from './markup';
import { STYLE } from './style';

/** A section of a page, for the list at its top. */
export interface PageLink {
  readonly id: string;
  readonly title: string;
}

/** What the pages of all commands have. */
export interface Page {
  readonly document: DocumentHead;
  readonly title: string;
  readonly links: readonly PageLink[];
  readonly models: readonly ModelFile[];
  /** How times were measured, if they were. */
  readonly protocol: string | undefined;
  readonly main: Markup;
  readonly footer: string;
}

/** Words of a command line as a shell would take them. */
const quoted = (word: string): string =>
  /^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

function machineSection({ document, models, protocol }: Page): Markup {
  const { machine, versions, command, date } = document;
  const { cpu, cgroup } = machine;
  const features = Object.entries(cpu.features).flatMap(([name, has]) => (has ? [name] : []));
  const rows: [string, string | Markup][] = [
    ['CPU', cpu.model],
    ['Processors', `${cpu.availableParallelism} available of ${cpu.cores}`],
    ['Features', features.join(', ') || 'none of those that kernels choose by'],
    ['Memory', byteSize(machine.memoryBytes)],
    [
      'System',
      `${machine.system}, ${machine.arch}, ${machine.libc.name} ${machine.libc.version ?? ''}`.trimEnd(),
    ],
    ['Load before', machine.loadAverage.toFixed(2)],
    ['onlite', versions.onlite],
    ['Node', `${versions.node}, V8 ${versions.v8}`],
    ['ONNX Runtime', versions.onnxruntime ?? 'not installed'],
    ['TensorFlow Lite', versions.tflite ?? 'not installed'],
    ['Measured', [moment(date), protocol].filter((words) => words !== undefined).join('; ')],
    ['Command', html`<code>onlite ${command.map(quoted).join(' ')}</code>`],
  ];
  if (cgroup?.cpus !== undefined) rows.splice(2, 0, ['CPU quota', cgroup.cpus.toFixed(2)]);
  const files = new Map(models.map((model) => [model.path, model]));
  for (const { path, bytes, sha256 } of files.values()) {
    rows.push(['Model', html`${path}, ${byteSize(bytes)}, SHA-256 <code>${sha256}</code>`]);
  }
  const list = rows.map(
    ([term, words]) =>
      html`<dt>${term}</dt>
        <dd>${words}</dd>`,
  );
  return html`<section aria-labelledby="machine">
    <h2 id="machine">Machine and method</h2>
    <dl>${list}</dl>
  </section>`;
}

/** The names of a few models, for a title. */
export function titleOf(paths: readonly string[]): string {
  const names = [...new Set(paths.map((path) => path.split(/[\\/]/).at(-1) ?? ''))];
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and others` : names.join(' and ');
}

/**
 * A page that needs nothing but itself: no script, no font, no image, nothing from a network; a
 * policy in it forbids the browser to look for any.
 */
export function renderPage(page: Page): string {
  const { document, title, main, footer } = page;
  const { machine, versions, command } = document;
  const links = [...page.links, { id: 'machine', title: 'Machine and method' }].map(
    (link) => html`<li><a href="#${link.id}">${link.title}</a></li>`,
  );
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
        />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="generator" content="onlite ${versions.onlite}" />
        <link rel="icon" href="data:," />
        <title>${title}: onlite ${command[0]}</title>
        <style>
          ${new Markup(STYLE)}
        </style>
      </head>
      <body>
        <a class="skip" href="#content">Skip to the results</a>
        <header>
          <h1>${title}</h1>
          <p class="sub">
            ${machine.cpu.model}, ${machine.cpu.availableParallelism} processors;
            ${document.date.slice(0, 10)}
          </p>
          <nav aria-label="Sections">
            <ul>
              ${links}
            </ul>
          </nav>
        </header>
        <main id="content" tabindex="-1">${main}${machineSection(page)}</main>
        <footer>
          <p>${footer}</p>
        </footer>
      </body>
    </html> `.text;
}
