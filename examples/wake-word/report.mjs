const SECONDS_PER_MARK = 0.16;

/** The text for a terminal: a bar of time, what was heard when, and a row for each model. */
export function report({ file, seconds, speech, wakeWords, models }) {
  const bar = (segments, mark) =>
    Array.from({ length: Math.ceil(seconds / SECONDS_PER_MARK) }, (_, i) => {
      const from = i * SECONDS_PER_MARK;
      const inside = ({ start, end }) => start < from + SECONDS_PER_MARK && end > from;
      return segments.some(inside) ? mark : '·';
    }).join('');
  const time = (value) => `${value.toFixed(2).padStart(6)} s`;
  const events = [
    ...speech.map(({ start, end }) => [start, `${time(start)} to ${time(end)}  speech`]),
    ...wakeWords.map(({ word, at, confidence }) => [
      at,
      `${time(at)}              "${word}", ${(confidence * 100).toFixed(1)} % sure`,
    ]),
  ].sort(([a], [b]) => a - b);
  const row = ([model, runtime, provider, runs, p50, p95, p99]) =>
    model.padEnd(24) +
    runtime.padEnd(13) +
    provider.padEnd(14) +
    [runs, p50, p95, p99].map((cell) => String(cell).padStart(9)).join('');
  const milliseconds = (nanoseconds) => (nanoseconds / 1e6).toFixed(3);

  return [
    `${file}: ${seconds.toFixed(2)} s`,
    '',
    `speech     ${bar(speech, '#')}`,
    `wake word  ${bar(wakeWords, '^')}`,
    '',
    ...(events.length > 0 ? events.map(([, line]) => line) : ['nothing was heard']),
    '',
    row(['model', 'runtime', 'provider', 'runs', 'p50 ms', 'p95 ms', 'p99 ms']),
    ...models.map(({ model, engine, executionProviders, runs, p50, p95, p99 }) =>
      row([
        model,
        engine,
        executionProviders.join(', '),
        runs,
        ...[p50, p95, p99].map(milliseconds),
      ]),
    ),
  ].join('\n');
}
