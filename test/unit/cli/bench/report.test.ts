import { describe, expect, it } from 'vitest';

import { html, Markup } from '../../../../lib/cli/report/markup';
import {
  linearScale,
  logScale,
  percentileScale,
  timeTick,
} from '../../../../lib/cli/bench/report/scale';

describe('markup', () => {
  it('escapes every value that is not markup', () => {
    const hostile = `<img src=x onerror="alert('1')">&`;
    expect(html`<p title="${hostile}">${hostile}</p>`.text).toBe(
      '<p title="&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;">' +
        '&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;</p>',
    );
  });

  it('shows what would turn text around or end it', () => {
    expect(html`${'a\u0000b\u202ec'}`.text).toBe('a\ufffdb\ufffdc');
  });

  it('takes markup, lists and nothing', () => {
    const list = [1, 2].map((item) => html`<li>${item}</li>`);
    expect(
      html`<ul>
        ${list}${undefined}${false}${new Markup('<br>')}
      </ul>`.text.replaceAll(/\n */g, ''),
    ).toBe('<ul><li>1</li><li>2</li><br></ul>');
  });
});

describe('scales', () => {
  it('puts powers of ten equally far apart', () => {
    const scale = logScale([1000, 1e6], [0, 300]);
    expect([1000, 1e4, 1e5, 1e6].map((value) => Math.round(scale(value)))).toEqual([
      0, 100, 200, 300,
    ]);
    expect(scale.ticks.map(timeTick)).toEqual(['1 µs', '10 µs', '100 µs', '1 ms']);
  });

  it('has ticks between them where there is room', () => {
    expect(logScale([1500, 8000], [0, 1]).ticks).toEqual([1000, 2000, 5000, 10_000]);
    // One value only.
    const { ticks } = logScale([300, 300], [0, 1]);
    expect(ticks.length).toBeGreaterThan(1);
  });

  it('begins at 0 and ends at a round number', () => {
    expect(linearScale(937, [0, 1]).ticks).toEqual([0, 200, 400, 600, 800, 1000]);
    expect(linearScale(0, [0, 1]).ticks[0]).toBe(0);
  });

  it('puts 90, 99 and 99.9 % equally far apart', () => {
    const scale = percentileScale(99.9, [0, 300]);
    expect([0, 90, 99, 99.9].map((value) => Math.round(scale(value)))).toEqual([0, 100, 200, 300]);
    expect(percentileScale(50, [0, 1]).ticks).toEqual([0, 50, 75, 90]);
  });
});
