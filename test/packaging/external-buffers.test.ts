import { readFileSync } from 'node:fs';

import { runtimeInfo } from 'onlite';
import { expect, it } from 'vitest';

it("makes no ArrayBuffer over memory that is not the engine's, which Electron forbids", () => {
  const addon = readFileSync(runtimeInfo().addon!, 'latin1');
  expect(addon).toContain('napi_create_arraybuffer');
  expect(addon).not.toMatch(
    /napi_create_external_(arraybuffer|buffer)|node_api_create_buffer_from/,
  );
});
