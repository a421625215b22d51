// Requests of one model at a steady rate, whatever becomes of those before, over HTTP and gRPC.
import { createRequire } from 'node:module';
import { Agent, request as httpRequest } from 'node:http';

import { at } from '../lib/project.mjs';

const SUM = [2, 3, 4, 5];
const tensor = (name, data) => ({ name, datatype: 'FP32', shape: [4], data });
const BODY = JSON.stringify({
  inputs: [tensor('a', [1, 2, 3, 4]), tensor('b', [1, 1, 1, 1])],
});

/** Sends requests and keeps what came of them. */
export class Load {
  /** By the version that answered. */
  answered = {};
  failures = [];
  milliseconds = [];
  #ask;
  #timer;
  #underWay = new Set();

  /** @param {() => Promise<string>} ask sends a request and gives the version that answered as it should */
  constructor(ask) {
    this.#ask = ask;
  }

  start(perSecond) {
    const began = performance.now();
    let sent = 0;
    this.#timer = setInterval(() => {
      const due = ((performance.now() - began) / 1000) * perSecond;
      for (; sent < due; sent++) {
        const one = this.#one().finally(() => this.#underWay.delete(one));
        this.#underWay.add(one);
      }
    }, 5);
  }

  async #one() {
    const began = performance.now();
    try {
      const version = await this.#ask();
      this.answered[version] = (this.answered[version] ?? 0) + 1;
    } catch (error) {
      this.failures.push(error.message);
    }
    this.milliseconds.push(performance.now() - began);
  }

  /** Waits for the answers that are to come. */
  async end() {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
  }

  get requests() {
    return this.milliseconds.length;
  }

  percentile(share) {
    const sorted =
      this.milliseconds.toSorted?.((a, b) => a - b) ?? [...this.milliseconds].sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  }
}

/**
 * A request over HTTP. One of ten has a connection of its own, as clients without a pool do.
 *
 * @returns {() => Promise<string>}
 */
export function httpAsk(port) {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  let count = 0;
  return () =>
    new Promise((resolve, reject) => {
      const path = '/v2/models/sum/infer';
      const headers = { 'Content-Type': 'application/json', 'Content-Length': BODY.length };
      const own = count++ % 10 === 0 ? false : agent;
      const options = { port, host: '127.0.0.1', path, method: 'POST', headers, agent: own };
      const request = httpRequest({ ...options, timeout: 30_000 }, (response) => {
        let text = '';
        response.on('data', (chunk) => (text += chunk));
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode !== 200) {
            reject(new Error(`${response.statusCode}: ${text.slice(0, 200)}`));
            return;
          }
          const { outputs, model_version: version } = JSON.parse(text);
          if (String(outputs[0].data) === String(SUM)) resolve(version);
          else reject(new Error(`wrong outputs: ${text}`));
        });
      });
      request.on('error', reject);
      request.on('timeout', () => request.destroy(new Error('no answer for 30 s')));
      request.end(BODY);
    });
}

const varint = (value) => {
  const bytes = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return Buffer.from([...bytes, value]);
};
const field = (number, bytes) =>
  Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
const text = (number, string) => field(number, Buffer.from(string));
const floats = (...values) => Buffer.from(Float32Array.from(values).buffer);

/** ModelInferRequest: the name is 1, inputs 5 (name, datatype, shape), raw contents 7. */
function inferRequest() {
  const input = (name) =>
    field(5, Buffer.concat([text(1, name), text(2, 'FP32'), field(3, varint(4))]));
  const contents = [field(7, floats(1, 2, 3, 4)), field(7, floats(1, 1, 1, 1))];
  return Buffer.concat([text(1, 'sum'), input('a'), input('b'), ...contents]);
}

/** What an answer begins with: the name is 1, the version 2; raw contents, at its end, are 6. */
function readAnswer(bytes) {
  if (!bytes.subarray(-16).equals(floats(...SUM))) throw new Error('wrong outputs');
  const at = 2 + bytes[1];
  if (bytes[0] !== 10 || bytes[at] !== 18) throw new Error('not a ModelInferResponse');
  return bytes.toString('utf8', at + 2, at + 2 + bytes[at + 1]);
}

/**
 * A call over gRPC, of one client's connection.
 *
 * @returns {() => Promise<string>}
 */
export function grpcAsk(port) {
  const { Client, credentials } = createRequire(at('package.json'))('@grpc/grpc-js');
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const message = inferRequest();
  const asItIs = (bytes) => bytes;
  return () =>
    new Promise((resolve, reject) => {
      const path = '/inference.GRPCInferenceService/ModelInfer';
      const options = { deadline: Date.now() + 30_000 };
      client.makeUnaryRequest(path, asItIs, asItIs, message, options, (error, answer) => {
        if (error) reject(error);
        else {
          try {
            resolve(readAnswer(answer));
          } catch (wrong) {
            reject(wrong);
          }
        }
      });
    });
}
