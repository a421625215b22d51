// What of the status page is about models that are watched: status.js has it shown.
globalThis.watchedModels = ({ of, element, drawn, header, cell, number, bytes }) => {
  let chosen;

  const WIDTH = 620;
  const LEFT = 10;
  const PANEL = 104;
  const HEIGHT = 64;
  const share = (value) => `${(value * 100).toFixed(value > 0 && value < 0.1 ? 2 : 1)} %`;
  function figure(value) {
    if (value === null || value === undefined) return '–';
    if (value !== 0 && Math.abs(value) < 1e-4) return '< 0.0001';
    return value.toPrecision(3);
  }
  const clock = (at) => new Date(at).toLocaleTimeString('en-GB');
  const keyOf = ({ name, version }) => `${name} ${version}`;

  const watchedOf = ({ models }) =>
    models.flatMap(({ name, versions }) =>
      versions.filter(({ watch }) => watch).map((each) => ({ ...each, name })),
    );

  function showChoices(versions) {
    const choices = versions.map(keyOf);
    if (!choices.includes(chosen)) chosen = choices.at(-1);
    const select = of('watched-of');
    const shown = [...select.options].map(({ value }) => value);
    if (shown.join('\n') === choices.join('\n')) return;
    select.replaceChildren(
      ...choices.map((value) => element('option', { value, selected: value === chosen }, value)),
    );
  }

  /** What a version's labelled rows say, in a few words. */
  function qualityText({ quality }) {
    if (quality === undefined) return ['–', 'no labelled rows yet'];
    const { rows, accuracy, accuracyInterval, meanAbsoluteError } = quality;
    const what = `of ${number(rows)} labelled rows`;
    if (accuracy === undefined) return [figure(meanAbsoluteError), `mean absolute error ${what}`];
    const [low, high] = accuracyInterval;
    return [share(accuracy), `accuracy (${share(low)} to ${share(high)}) ${what}`];
  }

  function showTiles({ watch }) {
    const { drift, outputs, labels, requests, errors } = watch;
    const failed = errors.reduce((sum, { count }) => sum + count, 0);
    const faulty = outputs.nan + outputs.infinite;
    const drifted = drift?.features.filter((each) => each.drifted).length ?? 0;
    const tiles = [
      qualityText(watch),
      [
        drift === undefined ? '–' : share(drift.driftedShare),
        drift === undefined
          ? 'nothing to compare yet'
          : `of ${number(drift.count)} features drifted (${number(drifted)} shown below)`,
      ],
      [number(failed), `of ${number(requests)} requests failed`],
      [number(faulty), `of ${number(outputs.rows)} rows not finite`],
      [number(labels.pending), `rows wait for labels, ${number(labels.joined)} have theirs`],
    ];
    of('watched-tiles').replaceChildren(
      ...tiles.map(([value, what]) =>
        element('li', { className: 'tile' }, element('b', {}, value), element('small', {}, what)),
      ),
    );
    of('alerts').replaceChildren(
      ...watch.alerts.map(({ name, rule, isActive, value, since }) => {
        const limit = rule.below === undefined ? `> ${rule.above}` : `< ${rule.below}`;
        const text = `${name}: ${rule.measure} ${figure(value)}, alert if ${limit}`;
        const kind = isActive ? 'bad' : 'good';
        const badge = element('span', { className: `badge ${kind}` }, isActive ? 'alert' : 'well');
        return element('li', {}, badge, ` ${text}, since ${clock(since)}`);
      }),
    );
  }

  /** Lines of what each point has, by their names; where a point has nothing of one it is `none`. */
  function seriesOf(points, read, none = null) {
    const names = [...new Set(points.flatMap(({ of: own }) => Object.keys(own ? read(own) : {})))];
    return names.slice(0, 6).map((name) => ({
      name,
      values: points.map(({ of: own }) => (own ? (read(own)[name] ?? none) : null)),
    }));
  }

  /** What came in each second between points. */
  const perSecond = (points, values) =>
    values.map((value, index) => {
      const before = values[index - 1];
      if (value === null || before === null || before === undefined) return null;
      const seconds = (points[index].at - points[index - 1].at) / 1000;
      return Math.max(0, value - before) / Math.max(1e-3, seconds);
    });

  function panelsOf(points) {
    const last = points.findLast(({ of: own }) => own)?.of;
    const rates = (series) =>
      series.map(({ name, values }) => ({ name, values: perSecond(points, values) }));
    const ofProcess = (name, read) => [{ name, values: points.map(read) }];
    const cpu = perSecond(
      points,
      points.map(({ cpuSeconds }) => cpuSeconds),
    );
    return [
      {
        title: last?.isRegression ? 'mean absolute error' : 'accuracy',
        series: seriesOf(points, ({ quality }) => (quality === null ? {} : { quality })),
        print: last?.isRegression ? figure : share,
        ...(last?.isRegression ? {} : { most: 1 }),
      },
      {
        title: 'stability index by feature: above 0.25 it has moved',
        series: seriesOf(points, ({ stability }) => stability),
        print: figure,
        limit: 0.25,
      },
      {
        title: 'errors by kind, each second',
        series: rates(seriesOf(points, ({ errors }) => errors, 0)),
        print: figure,
      },
      {
        title: 'requests, each second',
        series: rates(seriesOf(points, ({ requests }) => ({ requests }))),
        print: figure,
      },
      { title: 'CPU', series: [{ name: 'CPU', values: cpu }], print: share },
      {
        title: 'resident memory',
        series: ofProcess('memory', ({ residentBytes }) => residentBytes),
        print: bytes,
      },
    ];
  }

  /** A line that is broken where there is nothing, and its points where it would not be seen. */
  function lineOf(values, xs, y) {
    let path = '';
    let isOpen = false;
    values.forEach((value, index) => {
      if (value === null) {
        isOpen = false;
        return;
      }
      const isAlone = !isOpen && (values[index + 1] ?? null) === null;
      path += `${isOpen ? 'L' : 'M'}${xs[index].toFixed(1)} ${y(value).toFixed(1)}${isAlone ? 'h2' : ''}`;
      isOpen = true;
    });
    return path;
  }

  function drawPanel({ title, series, print, most, limit }, top, xs) {
    const numbers = series.flatMap(({ values }) => values).filter((value) => value !== null);
    const greatest = most ?? Math.max(limit ?? 0, ...numbers) * 1.05;
    const bottom = top + 28 + HEIGHT;
    const y = (value) => bottom - (greatest === 0 ? 0 : (value / greatest) * HEIGHT);
    const says = numbers.length === 0 ? `${title}: nothing so far` : title;
    const parts = [
      drawn('text', { x: LEFT, y: top + 16 }, says),
      drawn('line', { x1: LEFT, x2: LEFT + WIDTH, y1: bottom, y2: bottom }),
    ];
    if (numbers.length > 0) {
      const x = LEFT + WIDTH;
      parts.push(
        drawn('text', { x, y: top + 16, 'text-anchor': 'end' }, `up to ${print(greatest)}`),
      );
    }
    if (limit !== undefined) {
      const at = y(limit);
      parts.push(drawn('line', { x1: LEFT, x2: LEFT + WIDTH, y1: at, y2: at, class: 'limit' }));
    }
    series.forEach(({ name, values }, index) => {
      const line = drawn('path', { d: lineOf(values, xs, y), class: `series${index}` });
      line.append(drawn('title', {}, name));
      parts.push(line);
    });
    return parts;
  }

  function legend(panels) {
    const items = panels.slice(1, 3).flatMap(({ series }) =>
      series.map(({ name }, index) => {
        const key = drawn('svg', { viewBox: '0 0 24 8', class: 'chart key' });
        key.append(drawn('path', { d: 'M0 4H24', class: `series${index}` }));
        return element('li', {}, key, ` ${name}`);
      }),
    );
    of('legend').replaceChildren(...items);
  }

  function showHistory({ points, marks }, { name, version }) {
    const ofVersion = points.map((point) => ({
      ...point,
      of: point.versions.find((each) => each.name === name && each.version === version),
    }));
    const from = ofVersion[0]?.at ?? 0;
    const to = ofVersion.at(-1)?.at ?? 1;
    const x = (at) => LEFT + ((at - from) / Math.max(1, to - from)) * WIDTH;
    const xs = ofVersion.map(({ at }) => x(at));
    const panels = panelsOf(ofVersion);
    const end = panels.length * PANEL;
    const own = marks.filter((mark) => mark.name === name && mark.at >= from && mark.at <= to);
    const parts = own.map(({ at, text }) => {
      const line = drawn('line', { x1: x(at), x2: x(at), y1: 4, y2: end, class: 'mark' });
      line.append(drawn('title', {}, `${clock(at)}: ${text}`));
      return line;
    });
    parts.push(...panels.flatMap((panel, index) => drawPanel(panel, index * PANEL, xs)));
    parts.push(
      drawn('text', { x: LEFT, y: end + 16 }, clock(from)),
      drawn('text', { x: LEFT + WIDTH, y: end + 16, 'text-anchor': 'end' }, clock(to)),
    );
    const chart = of('history');
    chart.setAttribute('viewBox', `0 0 640 ${end + 24}`);
    chart.replaceChildren(...parts);
    const says = `From ${clock(from)} to ${clock(to)}; dashed lines are where versions changed.`;
    chart.setAttribute('aria-label', `${panels.map(({ title }) => title).join('; ')}. ${says}`);
    of('history-says').textContent = says;
    legend(panels);
    of('marks').replaceChildren(
      ...own.slice(-8).map(({ at, text }) => element('li', {}, `${clock(at)}: ${text}`)),
    );
  }

  function showFeatures({ drift }) {
    const all = drift ? [...drift.features, ...(drift.predictions ? [drift.predictions] : [])] : [];
    const rows = all.map((each) => {
      const kind = each.drifted ? 'bad' : 'good';
      const badge = element(
        'span',
        { className: `badge ${kind}` },
        each.drifted ? 'drifted' : 'alike',
      );
      return element(
        'tr',
        {},
        element('th', { scope: 'row' }, each.name),
        element('td', {}, badge),
        cell(figure(each.stabilityIndex)),
        cell(`${each.method} ${figure(each.value)}`),
        cell(share(each.missing)),
        cell(share(each.outOfRange)),
      );
    });
    const none = element(
      'tr',
      {},
      element('td', { colSpan: 6 }, 'There is no profile, or there are too few rows.'),
    );
    of('features').replaceChildren(
      header('feature', 'state', '#stability index', '#by method', '#missing', '#out of range'),
      element('tbody', {}, ...(rows.length === 0 ? [none] : rows)),
    );
  }

  function showErrors({ errors }) {
    const rows = errors.map(({ kind, count, firstSeen, lastSeen, message, unusual = [] }) => {
      const names = unusual.map(({ name }) => name).join(', ');
      return element(
        'tr',
        {},
        element('th', { scope: 'row' }, kind),
        element(
          'td',
          {},
          message,
          ...(names === '' ? [] : [element('small', {}, `unlike others: ${names}`)]),
        ),
        cell(number(count)),
        cell(clock(firstSeen)),
        cell(clock(lastSeen)),
      );
    });
    const none = element('tr', {}, element('td', { colSpan: 5 }, 'No run has failed.'));
    of('kinds').replaceChildren(
      header('kind', 'the latest', '#runs', '#first', '#last'),
      element('tbody', {}, ...(rows.length === 0 ? [none] : rows)),
    );
  }

  return {
    show(status) {
      const versions = watchedOf(status);
      of('watched').hidden = versions.length === 0;
      if (versions.length === 0) return;
      showChoices(versions);
      const version = versions.find((each) => keyOf(each) === chosen);
      showTiles(version);
      showHistory(status.history, version);
      showFeatures(version.watch);
      showErrors(version.watch);
    },
    choose(value) {
      chosen = value;
    },
  };
};
