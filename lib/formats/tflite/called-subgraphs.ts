import type { ModelT, OperatorT } from './objects';

/** Options by which control flow names the subgraphs that it runs. */
const OPTIONS = [
  'bodySubgraphIndex',
  'condSubgraphIndex',
  'decompositionSubgraphIndex',
  'elseSubgraphIndex',
  'initSubgraphIndex',
  'subgraph',
  'thenSubgraphIndex',
];

/** The subgraphs that an operator runs. */
export function subgraphsOf({ builtinOptions, builtinOptions2 }: OperatorT): number[] {
  return [builtinOptions, builtinOptions2].flatMap((options) =>
    OPTIONS.flatMap((name) => {
      const index = options?.[name];
      return typeof index === 'number' ? [index] : [];
    }),
  );
}

/** The subgraphs that run when a model's first one does: it and those of its control flow. */
export function calledSubgraphs(model: ModelT): number[] {
  const found = new Set([0]);
  for (const index of found) {
    for (const called of (model.subgraphs[index]?.operators ?? []).flatMap(subgraphsOf)) {
      if (model.subgraphs[called]) found.add(called);
    }
  }
  return [...found];
}
