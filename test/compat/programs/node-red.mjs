import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { once } from 'node:events';

import RED from 'node-red';
import sharp from 'sharp';

import { portrait } from './inputs.mjs';

const flow = [
  { id: 'tab', type: 'tab', label: 'objects' },
  { id: 'in', z: 'tab', type: 'http in', url: '/objects', method: 'post', wires: [['objects']] },
  {
    id: 'objects',
    z: 'tab',
    type: 'good-object-detection',
    model: 'yolov8n',
    returnValue: '0',
    threshold: 0.05,
    wires: [['out']],
  },
  { id: 'out', z: 'tab', type: 'http response', wires: [] },
];

/** Node-RED with the flow, at the address that is returned. */
async function start() {
  const userDir = fileURLToPath(new URL('.', import.meta.url));
  writeFileSync(`${userDir}flow.json`, JSON.stringify(flow));
  const server = createServer();
  RED.init(server, {
    userDir,
    flowFile: 'flow.json',
    httpAdminRoot: false,
    httpNodeRoot: '/',
    logging: { console: { level: 'error' } },
  });
  server.on('request', RED.httpNode);
  const started = once(RED.events, 'flows:started');
  await RED.start();
  await started;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${server.address().port}`;
}

export async function main() {
  const address = await start();
  const response = await fetch(`${address}/objects`, {
    method: 'POST',
    headers: { 'content-type': 'image/png' },
    body: await sharp(portrait()).png().toBuffer(),
  });
  const { data } = await response.json();
  return data;
}
