// What the status page does: asks for status.json again and again, and shows what has changed in the last minute.
(() => {
  const EVERY_MS = 2000;
  const WINDOW_MS = 60_000;
  const all = 'all models';

  /** What was answered in the last minute, the oldest first: {at, status}. */
  const history = [];
  let key;
  let chosen = all;

  const of = (id) => document.getElementById(id);
  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };
  const drawn = (name, attributes, text) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [each, value] of Object.entries(attributes)) made.setAttribute(each, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const digits = (value) => (value < 10 ? value.toPrecision(2) : String(Math.round(value)));
  const number = (value) => Math.round(value).toLocaleString('en');
  const rate = (value) => (value === 0 ? '0/s' : `${value < 10 ? digits(value) : number(value)}/s`);
  function time(seconds) {
    if (seconds === undefined) return '–';
    if (seconds < 1e-3) return `${digits(seconds * 1e6)} µs`;
    return seconds < 1 ? `${digits(seconds * 1e3)} ms` : `${digits(seconds)} s`;
  }
  function bytes(value) {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    const unit = Math.min(4, Math.floor(Math.log2(Math.max(1, value)) / 10));
    return `${digits(value / 1024 ** unit)} ${units[unit]}`;
  }
  function span(seconds) {
    const parts = [
      [Math.floor(seconds / 86_400), 'd'],
      [Math.floor(seconds / 3600) % 24, 'h'],
      [Math.floor(seconds / 60) % 60, 'min'],
    ].filter(([count]) => count > 0);
    return parts.length === 0
      ? `${Math.floor(seconds)} s`
      : parts.map((part) => part.join(' ')).join(' ');
  }

  const versionsOf = ({ models }) =>
    models.flatMap(({ name, versions }) => versions.map((each) => ({ ...each, name })));
  const isChosen = ({ name, version }, what) => what === all || what === `${name} ${version}`;

  /** Samples in each bucket; `counts` are cumulative. */
  function buckets(status, what) {
    const sums = status.edges.map(() => 0).concat(0);
    for (const version of versionsOf(status)) {
      const { latency } = version;
      if (latency === undefined || !isChosen(version, what)) continue;
      let below = 0;
      [...latency.counts, latency.count].forEach((count, index) => {
        sums[index] += count - below;
        below = count;
      });
    }
    return sums;
  }

  /** What came in between; from nothing where a version was loaded anew. */
  const between = (before, now) =>
    now.map((count, index) => Math.max(0, count - (before[index] ?? 0)));
  const sum = (values) => values.reduce((total, value) => total + value, 0);

  /** The upper edge of the bucket that a quantile is in. */
  function quantile(counts, edges, wanted) {
    const total = sum(counts);
    if (total === 0) return undefined;
    let below = 0;
    const index = counts.findIndex((count) => (below += count) >= wanted * total);
    return edges[Math.min(index, edges.length - 1)];
  }

  function latest(what) {
    const [first] = history;
    const last = history.at(-1);
    const counts = between(buckets(first.status, what), buckets(last.status, what));
    const seconds = Math.max(1e-3, (last.at - first.at) / 1000);
    return {
      counts,
      seconds,
      rate: history.length === 1 ? 0 : sum(counts) / seconds,
      p50: quantile(counts, last.status.edges, 0.5),
      p99: quantile(counts, last.status.edges, 0.99),
    };
  }

  const failures = ({ answers }) => answers.filter(({ outcome }) => outcome !== 'success');
  const tile = (value, what) =>
    element('li', { className: 'tile' }, element('b', {}, value), element('small', {}, what));

  function showTiles(status) {
    const [first] = history;
    const { rate: throughput, p50, p99, seconds } = latest(all);
    const failed = (each) => sum(failures(each).map(({ count }) => count));
    const errors = Math.max(0, failed(status) - failed(first.status)) / seconds;
    const cpu = (status.process.cpuSeconds - first.status.process.cpuSeconds) / seconds;
    of('tiles').replaceChildren(
      tile(rate(throughput), 'answered with outputs'),
      tile(p50 === undefined ? '–' : `≤ ${time(p50)}`, 'median latency'),
      tile(p99 === undefined ? '–' : `≤ ${time(p99)}`, '99th percentile'),
      tile(rate(history.length === 1 ? 0 : errors), 'errors'),
      tile(number(sum(Object.values(status.inFlight))), 'in flight, this page too'),
      tile(
        history.length === 1 ? '–' : `${Math.round(cpu * 100)} %`,
        `CPU, of ${status.process.cpus}00 %`,
      ),
      tile(bytes(status.process.residentBytes), 'resident memory'),
    );
  }

  function showHistogram(status) {
    const chart = of('histogram');
    const { counts, seconds, p50, p99 } = latest(chosen);
    const from = counts.findIndex((count) => count > 0);
    const to = counts.findLastIndex((count) => count > 0);
    // Some empty ones beside, so that a bar is seen for what it is.
    const first = Math.max(0, Math.min(from, counts.length - 8) - 2);
    const shown =
      from < 0 ? counts.slice(5, 17) : counts.slice(first, Math.max(to + 3, first + 10));
    const start = from < 0 ? 5 : first;
    const most = Math.max(1, ...shown);
    const width = 620 / shown.length;
    const parts = [drawn('line', { x1: 10, x2: 630, y1: 180, y2: 180 })];
    shown.forEach((count, index) => {
      const height = (count / most) * 160;
      const edge = status.edges[start + index];
      const bar = drawn('rect', {
        x: 10 + index * width + 1.5,
        y: 180 - height,
        width: width - 3,
        height,
        rx: 2,
      });
      bar.append(drawn('title', {}, `${count} up to ${edge === undefined ? 'more' : time(edge)}`));
      parts.push(bar);
      if (index % 3 !== 2) return;
      const label = edge === undefined ? 'more' : time(edge);
      const x = 10 + (index + 1) * width;
      const anchor = x > 600 ? 'end' : 'middle';
      parts.push(drawn('text', { x, y: 205, 'text-anchor': anchor }, label));
    });
    chart.replaceChildren(...parts);
    const total = sum(counts);
    const says =
      total === 0
        ? `No request in the last ${Math.round(seconds)} s.`
        : `${number(total)} requests in the last ${Math.round(seconds)} s: half within ${time(p50)}, 99 of 100 within ${time(p99)}.`;
    chart.setAttribute('aria-label', `Histogram of latencies. ${says}`);
    of('histogram-says').textContent = says;
  }

  function showThroughput() {
    const chart = of('throughput');
    const rates = history.slice(1).map(({ at, status }, index) => {
      const before = history[index];
      const counts = between(buckets(before.status, chosen), buckets(status, chosen));
      return sum(counts) / Math.max(1e-3, (at - before.at) / 1000);
    });
    const most = Math.max(1, ...rates);
    const end = history.at(-1).at;
    const points = rates.map((value, index) => {
      const x = 630 - ((end - history[index + 1].at) / WINDOW_MS) * 620;
      return `${x.toFixed(1)} ${(180 - (value / most) * 150).toFixed(1)}`;
    });
    const [x, y] = points.at(-1)?.split(' ') ?? [];
    const dots = x === undefined ? [] : [drawn('circle', { cx: x, cy: y, r: 4 })];
    chart.replaceChildren(
      drawn('line', { x1: 10, x2: 630, y1: 180, y2: 180 }),
      drawn('line', { x1: 10, x2: 630, y1: 30, y2: 30 }),
      drawn('text', { x: 10, y: 22 }, rate(most)),
      drawn('text', { x: 10, y: 205 }, '1 min ago'),
      drawn('text', { x: 630, y: 205, 'text-anchor': 'end' }, 'now'),
      drawn('path', { d: points.length === 0 ? '' : `M${points.join('L')}` }),
      ...dots,
    );
    const says = `Throughput: ${rate(rates.at(-1) ?? 0)} now.`;
    chart.setAttribute('aria-label', says);
    of('throughput-says').textContent = says;
  }

  const STATES = { AVAILABLE: 'good', LOADING: 'warn', UNLOADING: 'warn', END: 'bad' };
  /** Names of columns; those of numbers begin with `#`. */
  const header = (...names) => {
    const cells = names.map((name) => {
      const className = name.startsWith('#') ? 'number' : '';
      return element('th', { scope: 'col', className }, name.replace('#', ''));
    });
    return element('thead', {}, element('tr', {}, ...cells));
  };
  const cell = (value) => element('td', { className: 'number' }, value);

  function showVersions(status) {
    const rows = versionsOf(status).map((version) => {
      const { name, state, reason, roles, requests, failed } = version;
      const { rate: throughput, p50, p99 } = latest(`${name} ${version.version}`);
      const badge = element(
        'span',
        { className: `badge ${STATES[state] ?? ''}` },
        state.toLowerCase(),
      );
      const said = [roles.join(', '), reason].filter((each) => each);
      return element(
        'tr',
        {},
        element('th', { scope: 'row' }, name),
        cell(version.version),
        element('td', {}, badge, ...said.map((each) => element('small', {}, each))),
        cell(rate(throughput)),
        cell(p50 === undefined ? '–' : `≤ ${time(p50)}`),
        cell(p99 === undefined ? '–' : `≤ ${time(p99)}`),
        cell(number(requests)),
        cell(number(failed)),
      );
    });
    const none = element('tr', {}, element('td', { colSpan: 8 }, 'No model is loaded.'));
    const names = [
      'model',
      '#version',
      'state and roles',
      '#rate',
      '#median',
      '#p99',
      '#requests',
      '#failed',
    ];
    of('versions').replaceChildren(
      header(...names),
      element('tbody', {}, ...(rows.length === 0 ? [none] : rows)),
    );
  }

  function showOutcomes(status) {
    const [first] = history;
    const before = new Map(
      failures(first.status).map(({ protocol, outcome, count }) => [
        `${protocol} ${outcome}`,
        count,
      ]),
    );
    const rows = failures(status).map(({ protocol, outcome, count }) =>
      element(
        'tr',
        {},
        element('th', { scope: 'row' }, outcome.replaceAll('_', ' ')),
        element('td', {}, protocol),
        cell(number(count - (before.get(`${protocol} ${outcome}`) ?? 0))),
        cell(number(count)),
      ),
    );
    const none = element('tr', {}, element('td', { colSpan: 4 }, 'Nothing so far.'));
    const names = ['kind', 'protocol', '#last minute', '#in all'];
    of('outcomes').replaceChildren(
      header(...names),
      element('tbody', {}, ...(rows.length === 0 ? [none] : rows)),
    );
  }

  function showProcess({ server, process, gpus }) {
    const lines = [
      ['Version', `${server.version} on Node.js ${server.node}, ${server.platform}`],
      ['Up', span(server.uptimeSeconds)],
      ['Threads', `${server.threads} that answer requests`],
      ['CPU time', `${number(process.cpuSeconds)} s`],
      [
        'Memory',
        `${bytes(process.residentBytes)} resident, ${bytes(process.heapBytes)} of JavaScript`,
      ],
      ...gpus.map(({ name, usedBytes, totalBytes }) => [
        'GPU',
        `${name}: ${bytes(usedBytes)} of ${bytes(totalBytes)}`,
      ]),
    ];
    of('resources').replaceChildren(
      ...lines.flatMap(([term, text]) => [element('dt', {}, term), element('dd', {}, text)]),
    );
  }

  function showChoices(status) {
    const choices = [all, ...versionsOf(status).map(({ name, version }) => `${name} ${version}`)];
    const select = of('of');
    const shown = [...select.options].map(({ value }) => value);
    if (shown.join('\n') === choices.join('\n')) return;
    if (!choices.includes(chosen)) chosen = all;
    select.replaceChildren(
      ...choices.map((value) => element('option', { value, selected: value === chosen }, value)),
    );
  }

  const watched = globalThis.watchedModels({ of, element, drawn, header, cell, number, bytes });

  function badge(text, kind) {
    of('state').textContent = text;
    of('state').className = `badge ${kind}`;
  }

  function show() {
    const { status } = history.at(-1);
    const { server } = status;
    badge(server.isReady ? 'ready' : 'not ready', server.isReady ? 'good' : 'warn');
    of('about').textContent =
      `${location.host}, version ${server.version}, up ${span(server.uptimeSeconds)}`;
    showChoices(status);
    showTiles(status);
    showHistogram(status);
    showThroughput();
    showVersions(status);
    showOutcomes(status);
    watched.show(status);
    showProcess(status);
    of('ask').hidden = true;
    of('shown').hidden = false;
  }

  async function ask() {
    let response;
    try {
      const headers = key === undefined ? {} : { Authorization: `Bearer ${key}` };
      response = await fetch('status.json', { headers, cache: 'no-store', credentials: 'omit' });
    } catch {
      badge('does not answer', 'bad');
      return;
    }
    if (response.status === 401 || response.status === 403) {
      const { error } = await response.json();
      of('refused').textContent = key === undefined ? '' : error;
      of('ask').hidden = false;
      of('shown').hidden = true;
      of('about').textContent = location.host;
      badge('asks for a key', 'warn');
      return;
    }
    if (!response.ok) {
      badge(`answers ${response.status}`, 'bad');
      return;
    }
    const at = performance.now();
    history.push({ at, status: await response.json() });
    while (history.length > 2 && at - history[0].at > WINDOW_MS) history.shift();
    show();
  }

  of('ask').addEventListener('submit', (event) => {
    event.preventDefault();
    // It is kept by this page alone, and as long as it is open.
    key = of('key').value.trim();
    of('key').value = '';
    void ask();
  });
  of('of').addEventListener('change', () => {
    chosen = of('of').value;
    if (history.length > 0) show();
  });

  of('watched-of').addEventListener('change', () => {
    watched.choose(of('watched-of').value);
    if (history.length > 0) show();
  });

  async function again() {
    // A page that nobody looks at asks nothing.
    if (!document.hidden && (of('ask').hidden || key !== undefined)) await ask();
    setTimeout(() => void again(), EVERY_MS);
  }
  void again();
})();
