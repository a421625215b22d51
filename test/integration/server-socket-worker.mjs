// Listens on the descriptor of workerData.fd, or on another socket of the same port.
import { createServer } from 'node:http';
import { parentPort, threadId, workerData } from 'node:worker_threads';

import { openServerSocket } from 'onlite';

const { fd = openServerSocket({ host: '127.0.0.1', port: workerData.port, reusePort: true }).fd } =
  workerData;
createServer((_, response) => response.end(`thread ${threadId}`)).listen({ fd }, () => {
  parentPort.postMessage('listening');
});
