#!/usr/bin/env node
import { basename, extname } from 'node:path';

import { createServer } from '../server';

async function main(files: readonly string[]): Promise<void> {
  const server = createServer();
  for (const file of files) {
    await server.load({ name: basename(file, extname(file)), version: '1', file });
  }
  const { port } = await server.listen();
  process.stdout.write(`http://127.0.0.1:${port}\n`);
}

void main(process.argv.slice(2));
