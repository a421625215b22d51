// What every case gives on a session of its own that nothing was done to, by the ordinary way.
import { InferenceSession, Tensor } from 'onlite';

import { arrayOf, difference, freezeAll } from './values.mjs';
import { Failure } from './world.mjs';

/** An option that only the ordinary way takes: no kept run, no binding. */
const ordinaryWay = { tag: 'reference' };

/** The feeds of a case in ordinary memory. */
export function plainFeeds({ inputs }) {
  const feeds = {};
  for (const { name, type, dims, bytes, strings } of inputs) {
    const data = strings === undefined ? new (arrayOf(type))(bytes.slice().buffer) : [...strings];
    feeds[name] = new Tensor(type, data, dims);
  }
  return feeds;
}

/**
 * The outcomes of a model's cases: `{values}` by output name, or the `code` of the error.
 *
 * @param options - those of the sessions that will be compared, as far as they change results
 */
export async function makeReference(model, options) {
  const outcomes = [];
  if (model.stateful === undefined) {
    const session = await InferenceSession.create(model.path, options);
    for (const made of model.cases) {
      const run = { ...ordinaryWay, ...(made.signature && { signature: made.signature }) };
      try {
        outcomes.push({ values: freezeAll(await session.run(plainFeeds(made), run)) });
      } catch (error) {
        outcomes.push({ code: error.code });
      }
      checkMeaning(model, made, outcomes.at(-1));
    }
    await session.release();
  }
  const shapes = model.cases.map((made, index) => shapeOf(made, outcomes[index]));
  return { options, outcomes, shapes };
}

/** Of some models it is known what they give. */
function checkMeaning({ file }, { gives = {} }, { values, code }) {
  for (const [name, wanted] of Object.entries(gives)) {
    const problem = difference(`outputs.${name}`, values?.[name], wanted);
    if (problem !== undefined) throw new Failure(`reference of ${file}: ${code ?? problem}`);
  }
}

/** Cases of the same shapes can be run with the same bound tensors. */
function shapeOf({ signature, inputs }, { code, values = {} } = {}) {
  const dimsOf = ({ dims }) => dims;
  return JSON.stringify([signature, code, inputs.map(dimsOf), Object.values(values).map(dimsOf)]);
}
