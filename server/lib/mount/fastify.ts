import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Mount } from './mount';

/** What the plugin uses of Fastify, which is no dependency. */
export interface FastifyLike {
  readonly prefix: string;
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(
    contentType: '*',
    parser: (request: unknown, payload: unknown, done: (error: null) => void) => void,
  ): unknown;
  route(options: {
    method: ('GET' | 'HEAD' | 'POST' | 'PUT')[];
    url: string;
    handler: (request: { raw: IncomingMessage }, reply: FastifyReplyLike) => void;
  }): unknown;
}

/** What the plugin uses of a reply. */
export interface FastifyReplyLike {
  readonly raw: ServerResponse;
  hijack(): unknown;
  callNotFound(): unknown;
}

/** Registers the models' routes, at `prefix` if that is given. */
export type FastifyPlugin = (
  instance: FastifyLike,
  options: object,
  done: (error?: Error) => void,
) => void;

/** The paths that models have where others have some, too. */
const ROOT_PATHS = [
  '/v2',
  '/v2/*',
  '/v1/models',
  '/v1/models/*',
  '/invocations',
  '/models/:name/invocations',
  '/predictions/*',
];

/**
 * Routes of Fastify's, so that the host's hooks run before, those that check who asks among them. The body
 * is left for the handler to read: the other parsers are this plugin's no more.
 */
export const fastifyPlugin =
  (mount: Mount): FastifyPlugin =>
  (instance, _options, done) => {
    const prefix = instance.prefix.replace(/\/+$/, '');
    instance.removeAllContentTypeParsers();
    instance.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null));
    for (const url of prefix === '' ? ROOT_PATHS : ['/', '/*']) {
      instance.route({
        method: ['GET', 'HEAD', 'POST', 'PUT'],
        url,
        handler: ({ raw: request }, reply) => {
          if (mount.take(request, reply.raw, { prefix })) reply.hijack();
          else reply.callNotFound();
        },
      });
    }
    done();
  };
