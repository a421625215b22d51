import { expect, it } from 'vitest';

import { liveSessions } from '../../../../lib/engine/session/live-sessions';
import { InferenceSession } from '../../../../lib/engine/session/session';
import { Tensor } from '../../../../lib/engine/tensor/tensor';
import { fixture } from '../../../integration/support';

const floats = (...values: number[]) => new Tensor('float32', values);

const bindings = new Map<string, number>();
liveSessions.listen({
  added: ({ model, native }) => {
    const bind = native.bind.bind(native);
    const value = (signature: number) => {
      bindings.set(model, (bindings.get(model) ?? 0) + 1);
      return bind(signature);
    };
    Object.defineProperty(native, 'bind', { value });
  },
  ended: () => undefined,
});

it.each(['add4.onnx', 'add4.tflite'])(
  'many runs of %s at once make no more bindings than are kept',
  async (name) => {
    await using session = await InferenceSession.create(fixture(name), { inline: 'never', name });
    const run = async (value: number) => {
      const result = await session.run({ a: floats(value, 0, 0, 0), b: floats(1, 0, 0, 0) });
      return (Object.values(result)[0] as Tensor).data.at(0);
    };
    for (let round = 0; round < 3; round++) {
      const values = Array.from({ length: 500 }, (_, index) => index);
      expect(await Promise.all(values.map(run))).toEqual(values.map((value) => value + 1));
      expect(bindings.get(name)).toBe(64);
    }
  },
);
