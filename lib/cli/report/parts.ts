import { html, type Markup } from './markup';
import type { PageLink } from './page';

/** A part of a page with a heading. */
export interface Part extends PageLink {
  readonly body: Markup;
}

export function sectionsOf(parts: readonly Part[]): Markup {
  return html`${parts.map(
    ({ id, title, body }) =>
      html`<section aria-labelledby="${id}">
        <h2 id="${id}">${title}</h2>
        ${body}
      </section>`,
  )}`;
}
