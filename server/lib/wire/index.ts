import { kserve } from './kserve/routes';
import { labels } from './labels/routes';
import { mlflow } from './mlflow/routes';
import { openInference } from './oip/routes';
import type { Protocol, WireContext } from './route';
import { tensorflowServing } from './tfserving/routes';
import { torchServe } from './torchserve/routes';

/** All protocols that are spoken over HTTP, and where labels come to, in the order that their paths are looked at. */
export const protocols = (context: WireContext): readonly Protocol[] => [
  openInference(context),
  kserve(context),
  tensorflowServing(context),
  mlflow(context),
  torchServe(context),
  labels(context),
];
