import type { Pass } from '../context';
import { affineFolds } from './affine-folds';
import { commonSubexpressions } from './common-subexpressions';
import { constantNodes } from './constant-nodes';
import { gemms } from './gemms';
import { inlineIfs } from './inline-ifs';
import { noOps } from './no-ops';
import { padFolds } from './pad-folds';
import { reshapeChains } from './reshape-chains';
import { shapeArithmetic } from './shape-arithmetic';
import { sharedInitializers } from './shared-initializers';
import { transposes } from './transposes';

/** By the names that reports have. */
export const PASSES: ReadonlyMap<string, Pass> = new Map([
  ['constant nodes', constantNodes],
  ['constant conditions', inlineIfs],
  ['no-operations', noOps],
  ['shape arithmetic', shapeArithmetic],
  ['reshapes in a row', reshapeChains],
  ['transposes', transposes],
  ['common subexpressions', commonSubexpressions],
  ['batch normalisation, scale and shift into weights', affineFolds],
  ['padding into convolutions and pools', padFolds],
  ['products and sums into Gemm', gemms],
  ['equal constants', sharedInitializers],
]);
