import { jsonAnswer } from '../request';
import type { Protocol, WireContext } from '../route';
import { homePage } from './home';

/**
 * What KServe's first protocol has beside TensorFlow Serving's paths: the list of models, and that the
 * server is alive.
 */
export function kserve(context: WireContext): Protocol {
  return {
    name: 'kserve',
    owns: (path) => path === '/' || /^\/v1\/models\/?$/.test(path),
    printError: ({ status, message }) => jsonAnswer({ error: message }, status),
    routes: [
      { path: /^\/$/, methods: { GET: homePage(context) } },
      {
        path: /^\/v1\/models\/?$/,
        methods: {
          GET: (request) =>
            jsonAnswer({ models: context.models.names.filter((name) => request.allows(name)) }),
        },
      },
    ],
  };
}
