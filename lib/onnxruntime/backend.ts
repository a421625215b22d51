import type { Backend, InferenceSessionHandler } from 'onnxruntime-common';

import { OnliteError } from '../errors';
import { listSupportedBackends } from '../engine/runtime/runtime-info';
import { createSession } from './create-session';
import { SessionHandler } from './session-handler';

/** onlite as onnxruntime-common sees it. */
export const backend: Backend = {
  /** @throws OnliteError ERR_PROVIDER_UNAVAILABLE: then onnxruntime-common goes on to the next. */
  init(name: string): Promise<void> {
    return new Promise((resolve) => {
      const names = listSupportedBackends().map((supported) => supported.name);
      if (!names.includes(name)) {
        throw new OnliteError(
          'ERR_PROVIDER_UNAVAILABLE',
          `ONNX Runtime has no provider '${name}' here, only ${names.join(', ')}`,
        );
      }
      resolve();
    });
  },

  async createInferenceSessionHandler(source, options): Promise<InferenceSessionHandler> {
    const session = await createSession(source, options ?? {});
    return new SessionHandler(session, options?.enableProfiling === true);
  },
};
