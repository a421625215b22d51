import { againstRaw } from '../harness/against-raw.mjs';
import { bindingFor, createSession, feedsFor, outputsFor } from '../harness/subject.mjs';

export const name = 'large-output';
export const description = 'Neg of 1,000,000 floats: the cost of large tensors';

const model = 'neg.onnx';

export async function run(context) {
  const session = await createSession(model);
  const feeds = feedsFor(session);
  const measure = (caseName, makeRun, mode, target, figure) =>
    context.case({ name: caseName, unit: 'ratio', target, figure }, () =>
      againstRaw(context, { name: caseName, model, run: makeRun(), mode }),
    );
  await measure(
    'Neg, bound runSync / RunWithBinding',
    () => {
      const binding = bindingFor(session);
      return () => binding.runSync();
    },
    'bound',
    { atMost: 1.1 },
    'bound `runSync`, 1,000,000 floats',
  );
  await measure(
    'Neg, runSync(feeds, fetches) / RunWithBinding',
    () => {
      const fetches = outputsFor(session);
      return () => session.runSync(feeds, fetches);
    },
    'bound',
  );
  await measure(
    'Neg, runSync(feeds) / RunWithBinding',
    () => () => session.runSync(feeds),
    'bound',
  );
  await measure(
    'Neg, runSync(feeds) / Run, new output',
    () => () => session.runSync(feeds),
    'fresh',
  );
  await session.release();
}
