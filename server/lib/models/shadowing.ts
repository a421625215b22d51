import { Tensor } from 'onlite';

import { difference, outputOf, type Output } from './compare';
import type { Lease } from './lease';
import type { ServedModel } from './served-model';
import type { Shadow } from './traffic';

/** Runs of shadows that a thread has under way for a version; what comes on top is left out. */
const MAX_UNDER_WAY = 4;

/**
 * Has a share of a version's requests run on another one, too, and compares what both have put out. Nobody
 * waits for that: the tensors are copied, the run is made by a thread, and where such runs are
 * slower than requests, requests are left out. All is counted with the version that is run besides.
 */
export class Shadowing {
  readonly target: ServedModel;
  readonly #shadow: Shadow;
  #underWay = 0;

  constructor(target: ServedModel, shadow: Shadow) {
    this.target = target;
    this.#shadow = shadow;
  }

  /** Copies a request's inputs before its run, if it is one of the share. */
  begin(lease: Lease): ShadowRun | undefined {
    if (Math.random() * 100 >= this.#shadow.percent) return undefined;
    if (this.#underWay >= MAX_UNDER_WAY) {
      this.target.statistics.shadowDropped();
      return undefined;
    }
    const { inputs } = lease.signature;
    const copies = this.#copied(() =>
      inputs.flatMap(({ name }, index) =>
        lease.has(index) ? [copyOf(name, lease.input(index))] : [],
      ),
    );
    if (copies === undefined) return undefined;
    this.#underWay++;
    const end = (): void => {
      this.#underWay--;
    };
    return {
      ended: () => {
        const { outputs, key } = lease.signature;
        const expected = this.#copied(() =>
          outputs.map(({ name }, index) => copyOf(name, lease.output(index))),
        );
        if (expected === undefined) end();
        else void this.#run(key, copies, expected).then(end);
      },
      abandoned: end,
    };
  }

  /** No want of memory for copies is to fail a request. */
  #copied(copy: () => readonly Output[]): readonly Output[] | undefined {
    try {
      return copy();
    } catch {
      this.target.statistics.shadowFailed();
      return undefined;
    }
  }

  async #run(
    signature: string | undefined,
    inputs: readonly Output[],
    expected: readonly Output[],
  ): Promise<void> {
    const { statistics, session } = this.target;
    try {
      const feeds: Record<string, Tensor> = {};
      for (const { name, type, data, dims } of inputs) {
        feeds[name] = new Tensor(type, data as never, dims) as unknown as Tensor;
      }
      const results = await session.run(feeds, signature === undefined ? {} : { signature });
      const isSame = expected.every((output) => {
        const result = results[output.name];
        if (!(result instanceof Tensor)) return false;
        const got = outputOf(output.name, result);
        return difference(got, output, this.#shadow.tolerance) === undefined;
      });
      statistics.shadowCompared(isSame);
    } catch {
      statistics.shadowFailed();
    }
  }
}

/** What waits for a request's run: one of both is called, and neither throws. */
export interface ShadowRun {
  /** Its outputs are there: they are copied, and the other version runs. */
  ended(): void;
  /** It has failed. */
  abandoned(): void;
}

/** A tensor in memory of its own. */
function copyOf(name: string, tensor: Tensor): Output {
  const { type, dims, data } = outputOf(name, tensor);
  return { name, type, dims: [...dims], data: (data as Float32Array).slice() };
}
