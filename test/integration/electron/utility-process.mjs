// A worker that is to a module what Electron's utility process is: `process.parentPort`, and ports
// that are MessagePortMain.
import { EventEmitter } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';

class MessagePortMain extends EventEmitter {
  #port;

  constructor(port) {
    super();
    this.#port = port;
  }

  start() {
    this.#port.on('message', (data) => this.emit('message', { data, ports: [] }));
  }

  postMessage(message) {
    this.#port.postMessage(message);
  }
}

process.parentPort = new EventEmitter();
await import(workerData);
parentPort.on('message', ({ message, ports }) => {
  const data = { data: message, ports: ports.map((port) => new MessagePortMain(port)) };
  process.parentPort.emit('message', data);
});
