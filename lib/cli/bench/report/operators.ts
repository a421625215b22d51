import type { OperatorProfile, OperatorShare } from '../protocol';
import type { MeasuredSetting } from '../result';
import { dataTable } from '../../report/table';
import { at, html, type Markup } from '../../report/markup';

const MAX_TYPES = 12;
const MAX_ROWS = 100;

const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 2 : 1)} %`;

interface TypeShare {
  readonly type: string;
  readonly share: number;
  readonly operators: number;
}

function byType(operators: readonly OperatorShare[]): TypeShare[] {
  const types = new Map<string, TypeShare>();
  for (const { type, share } of operators) {
    const known = types.get(type) ?? { type, share: 0, operators: 0 };
    types.set(type, { type, share: known.share + share, operators: known.operators + 1 });
  }
  return [...types.values()].sort((a, b) => b.share - a.share);
}

function bars(types: readonly TypeShare[]): Markup {
  const most = Math.max(...types.map(({ share }) => share));
  const rows = types.slice(0, MAX_TYPES).map(
    ({ type, share, operators }) =>
      html`<tr>
        <th scope="row">${type}</th>
        <td>${operators}</td>
        <td>${percent(share)}</td>
        <td class="bar">
          <svg width="100%" height="12" aria-hidden="true">
            <rect width="${at((100 * share) / most)}%" height="12" rx="2" />
          </svg>
        </td>
      </tr>`,
  );
  const caption = 'Share of the operators’ time by type';
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
    <table class="numeric bars">
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          <th scope="col">type</th>
          <th scope="col">operators</th>
          <th scope="col">share</th>
          <td></td>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

function everyOperator({ operators }: { operators: readonly OperatorShare[] }): Markup {
  const sorted = [...operators].sort((a, b) => b.share - a.share);
  const rows = sorted
    .slice(0, MAX_ROWS)
    .map(({ name, type, provider, count, share }) => [
      name,
      type,
      provider ?? '',
      String(count),
      percent(share),
    ]);
  const title = `${sorted.length > MAX_ROWS ? `The ${MAX_ROWS} slowest` : 'All'} operators`;
  const header = ['name', 'type', 'provider or kernel', 'times', 'share'];
  return html`<details>
    <summary>${title}</summary>
    ${dataTable(title, header, rows)}
  </details>`;
}

function profileOf(label: string, profile: OperatorProfile, many: boolean): Markup {
  const heading = many && html`<h3>${label}</h3>`;
  if ('unavailable' in profile)
    return html`${heading}
      <p>Not available: ${profile.unavailable}</p>`;
  if (profile.operators.length === 0)
    return html`${heading}
      <p>No operator was recorded.</p>`;
  const notes = profile.notes.length > 0 && html`<p class="sub">${profile.notes.join(' ')}</p>`;
  return html`${heading}${bars(byType(profile.operators))}${notes}${everyOperator(profile)}`;
}

/** Where the model's own time goes. Settings of one model have a profile each. */
export function operatorSection(settings: readonly MeasuredSetting[]): Markup {
  const profiles = settings.flatMap(({ label, measured: { profile } }) =>
    profile ? [{ label, profile }] : [],
  );
  if (profiles.length === 0) return html``;
  const parts = profiles.map(({ label, profile }) =>
    profileOf(label, profile, profiles.length > 1),
  );
  return html`<section aria-labelledby="operators">
    <h2 id="operators">Operators</h2>
    <p>
      Where the time inside the runtime goes, in some runs with its profiler, which takes time
      itself: shares, not durations.
    </p>
    ${parts}
  </section>`;
}
