import { expect, it } from 'vitest';

import { call, json, type Edge, type Running } from './support';

/** Makes a test of each request of a table. */
export function testEdges(running: () => Running, edges: readonly Edge[]): void {
  it.each(edges.map((edge) => [edge.title, edge] as const))('%s', async (_, edge) => {
    const reply = await call(running().port, edge.path, edge.call);
    const { status, body, headers = {} } = edge;
    expect({ status: reply.status, text: reply.text }).toEqual({
      status,
      text:
        typeof body === 'string' || body instanceof RegExp
          ? expect.stringMatching(body)
          : reply.text,
    });
    if (typeof body === 'object' && !(body instanceof RegExp)) {
      expect(json(reply)).toMatchObject(body);
    }
    expect(reply.headers).toMatchObject(headers);
  });
}
