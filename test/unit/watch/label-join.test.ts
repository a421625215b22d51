import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { LabelJoin, type JoinedRow } from '../../../lib/watch/live/label-join';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'onlite-labels-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Joined = [id: string, label: number | string];

async function opened(options = {}): Promise<[LabelJoin, Joined[]]> {
  const joined: Joined[] = [];
  const path = join(folder, 'labels', 'journal.jsonl');
  const labels = await LabelJoin.open({ path, ...options }, ({ requestId }, label) => {
    joined.push([requestId, label]);
  });
  return [labels, joined];
}

const row = (requestId: string, time = 1000) => ({
  requestId,
  version: '1',
  time,
  prediction: { value: 3, scores: [0.1, 0.9] },
});

it('joins labels to predictions by their ids', async () => {
  const [labels, joined] = await opened();
  labels.predicted(row('a'));
  labels.predicted(row('b'));
  expect(labels.label('a', 4)).toBe(true);
  expect(labels.label('a', 4)).toBe(false);
  expect(labels.label('c', 'cat')).toBe(false);
  expect(joined).toEqual([['a', 4]]);
  expect(labels.counts).toEqual({
    pending: 1,
    joined: 1,
    unmatched: 2,
    unsampled: 0,
    expired: 0,
    lost: 0,
  });
  await labels.close();
});

it('goes on after a restart, also after a line that was cut', async () => {
  const [before] = await opened();
  for (const id of ['a', 'b', 'c']) before.predicted(row(id));
  before.label('b', 1);
  await before.close();
  appendFileSync(join(folder, 'labels', 'journal.jsonl'), '["p","d","1",10');
  const [after, joined] = await opened();
  expect(joined).toEqual([['b', 1]]);
  expect(after.counts).toMatchObject({ pending: 2, lost: 1 });
  expect(after.label('c', 7)).toBe(true);
  expect(after.label('a', 'x')).toBe(true);
  await after.close();
  const [third, again] = await opened();
  await third.close();
  expect(again).toEqual([
    ['c', 7],
    ['a', 'x'],
  ]);
});

it('forgets the oldest when there are too many, and what is too old', async () => {
  const [labels] = await opened({ maxPending: 2, maxAgeMs: 100 });
  for (const [id, time] of Object.entries({ a: 0, b: 1, c: 2 })) labels.predicted(row(id, time));
  expect(labels.counts).toMatchObject({ pending: 2, expired: 1 });
  labels.predicted(row('d', 150));
  expect(labels.counts).toMatchObject({ pending: 1, expired: 3 });
  expect(labels.label('c', 1)).toBe(false);
  await labels.close();
});

it('keeps the journal as short as what waits', async () => {
  const [labels] = await opened();
  for (let index = 0; index < 8000; index++) {
    labels.predicted(row(`r${index}`));
    labels.label(`r${index}`, index);
    if (index % 1000 === 0) await labels.flush();
  }
  labels.predicted(row('last'));
  await labels.flush();
  await labels.close();
  const lines = readFileSync(join(folder, 'labels', 'journal.jsonl'), 'utf8')
    .trim()
    .split('\n');
  expect(lines.length).toBeLessThan(12_000);
  const [after] = await opened();
  expect(after.counts.pending).toBe(1);
  await after.close();
});

it('says which journal it cannot use', async () => {
  const path = join(folder);
  await expect(LabelJoin.open({ path }, () => undefined)).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining(path) as string,
  });
});

it('forgets the oldest first, where ids leave, come again and fill the room many times', async () => {
  const labels = await LabelJoin.open({ maxPending: 50 }, () => undefined);
  // A map that is walked from its beginning each time is the reference.
  const expected = new Map<string, boolean>();
  let expired = 0;
  for (let index = 0; index < 5000; index++) {
    const id = String((index * 7919) % 173);
    expected.delete(id);
    expected.set(id, true);
    labels.predicted(row(id));
    if (expected.size > 50) {
      expected.delete(expected.keys().next().value!);
      expired++;
    }
    const labelled = String((index * 31) % 173);
    if (index % 3 === 0) expect(labels.label(labelled, 1)).toBe(expected.delete(labelled));
    if (index % 1000 === 999) {
      for (const each of [...expected.keys()])
        expect(labels.label(each, 1)).toBe(expected.delete(each));
    }
    expect(labels.counts).toMatchObject({ pending: expected.size, expired });
  }
  await labels.close();
});

const named = (requestId: string, names: string[], time = 1000) => ({
  ...row(requestId, time),
  prediction: { value: names[0]!, scores: [0.9, 0.1], classes: [...names] },
});

it('writes the classes of many rows once, and shares them after a restart', async () => {
  const path = join(folder, 'labels', 'journal.jsonl');
  const [before] = await opened();
  const names = Array.from({ length: 500 }, (_, index) => `class ${index} of many`);
  for (let index = 0; index < 200; index++) before.predicted(named(`a${index}`, names));
  before.predicted(named('other', ['x', 'y']));
  before.predicted(row('none'));
  await before.close();
  const count = (): number => readFileSync(path, 'utf8').split('class 499 of many').length - 1;
  expect(count()).toBe(1);
  const found: JoinedRow[] = [];
  const after = await LabelJoin.open({ path }, (joined) => found.push(joined));
  expect(count()).toBe(1);
  for (const id of ['a0', 'a199', 'other', 'none']) after.label(id, 1);
  expect(after.counts).toMatchObject({ pending: 198, joined: 4, lost: 0 });
  const [first, last, other, none] = found.map(({ prediction }) => prediction.classes);
  expect(first).toEqual(names);
  expect(last).toBe(first);
  expect([other, none]).toEqual([['x', 'y'], undefined]);
  await after.close();
});

it('reads journals that have classes in each line, and none of rows whose line of classes is lost', async () => {
  const path = join(folder, 'journal.jsonl');
  const line = (id: string, classes: unknown): string =>
    JSON.stringify(['p', id, '1', 1, { value: 'x', classes }]);
  const lines = [
    ...[line('a', ['x', 'y']), line('b', ['x', 'y'])],
    ...[line('c', true), '["c",["v"', line('d', true), '["c",["v",5]]', line('e', true)],
  ];
  writeFileSync(path, lines.join('\n'));
  const found: JoinedRow[] = [];
  const journal = await LabelJoin.open({ path }, (joined) => found.push(joined));
  for (const id of ['a', 'b', 'c', 'd', 'e']) journal.label(id, 'x');
  expect(journal.counts).toMatchObject({ joined: 4, unmatched: 1, lost: 2 });
  const classes = found.map(({ prediction }) => prediction.classes);
  expect(classes).toEqual([
    ['x', 'y'],
    ['x', 'y'],
    ['x', 'y'],
    ['v', 5],
  ]);
  expect(classes[1]).toBe(classes[0]);
  await journal.close();
});
