import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { call, post, serve, type Running } from './support';

describe('a server of short models', () => {
  let running: Running;
  beforeAll(async () => {
    running = await serve({ rows: 'identity_float32.onnx' });
  });
  afterAll(() => running.server.close());

  it('tells in its metrics how runs are made', async () => {
    const { port } = running;
    for (let round = 0; round < 10; round++) {
      await call(port, '/v1/models/rows:predict', post({ instances: [[1, 2, 3]] }));
    }
    for (const accept of ['text/plain', 'application/openmetrics-text;version=1.0.0']) {
      const { text, status } = await call(port, '/metrics', { headers: { accept } });
      expect(status).toBe(200);
      expect(text).toMatch(/^onlite_server_inline_threads\{model="rows",version="1"\} [01]$/m);
      expect(text).toMatch(/^onlite_server_inline_runs_total\{model="rows",version="1"\} \d+$/m);
      expect(text).toMatch(/^onlite_server_requests_total\{model="rows",version="1"\} 10$/m);
      expect(text.endsWith('# EOF\n')).toBe(accept !== 'text/plain');
    }
  });
});
