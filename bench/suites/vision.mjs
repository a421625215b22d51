import { againstRaw } from '../harness/against-raw.mjs';
import { bindingFor, createSession, feedsFor } from '../harness/subject.mjs';
import { MOBILENETS } from '../models/models.mjs';

export const name = 'vision';
export const description = 'MobileNetV2 224², float32 and int8, ONNX and TensorFlow Lite, 1 thread';

const figure = 'MobileNetV2 float32/int8, both runtimes, bound';

export async function run(context) {
  for (const model of MOBILENETS) {
    const measure = (title, mode, makeRun, target) => {
      const caseName = `${model}, ${title}`;
      const row = { name: caseName, unit: 'ratio', target, ...(target ? { figure } : {}) };
      return context.case(row, async () => {
        const session = await createSession(model);
        try {
          return await againstRaw(context, { name: caseName, model, mode, run: makeRun(session) });
        } finally {
          await session.release();
        }
      });
    };
    const bound = (session) => {
      const binding = bindingFor(session);
      return () => binding.runSync();
    };
    await measure('bound runSync / raw bound', 'bound', bound, { atMost: 1.03 });
    if (context.isQuick) continue;
    await measure('runSync(feeds) / raw, tensors given', 'given', (session) => {
      const feeds = feedsFor(session);
      return () => session.runSync(feeds);
    });
  }
}
