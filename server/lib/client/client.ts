import {
  fromBytes,
  toBytes,
  type ClientTensor,
  type TensorMetadata,
  type WireType,
} from './tensors';

export interface ClientOptions {
  /** What requests are made with. Default the global `fetch`. */
  readonly fetch?: typeof fetch;
  /** Sent with every request, such as `Authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface InferOptions {
  /** Default the highest version. */
  readonly version?: string;
  /** Names of the outputs that are wanted. Default all. */
  readonly outputs?: readonly string[];
  /** Comes back with the answer. */
  readonly id?: string;
  readonly signal?: AbortSignal;
  /** The server gives the request up after so many milliseconds. */
  readonly timeoutMs?: number;
  /** Of a TensorFlow Lite model with several entry points. */
  readonly signatureName?: string;
}

/** An answer that is no 200: what the server said, and the status. */
export class InferenceError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'InferenceError';
    this.status = status;
  }
}

interface AnsweredOutput {
  readonly name: string;
  readonly datatype: WireType;
  readonly shape: number[];
  readonly parameters?: { readonly binary_data_size?: number };
}

/** A server of the Open Inference Protocol, such as this package's, Triton or KServe. */
export class InferenceClient {
  readonly #url: string;
  readonly #fetch: typeof fetch;
  readonly #headers: Readonly<Record<string, string>>;

  /** @param url - of the server, such as `http://localhost:8501` */
  constructor(url: string | URL, options: ClientOptions = {}) {
    this.#url = String(url).replace(/\/+$/, '');
    this.#fetch = options.fetch ?? globalThis.fetch;
    this.#headers = options.headers ?? {};
  }

  /** Whether all models are ready. Never rejects for an answer, only where there is none. */
  async isReady(): Promise<boolean> {
    const response = await this.#request('/v2/health/ready');
    return response.ok;
  }

  /** What a model takes and gives. @throws InferenceError */
  async metadata(
    model: string,
    version?: string,
  ): Promise<{
    name: string;
    versions: string[];
    inputs: TensorMetadata[];
    outputs: TensorMetadata[];
  }> {
    const response = await this.#request(pathOf(model, version));
    if (!response.ok) throw await errorOf(response);
    return (await response.json()) as Awaited<ReturnType<InferenceClient['metadata']>>;
  }

  /**
   * Runs a model on tensors by name.
   *
   * @throws InferenceError for an answer that is no 200; what `fetch` throws where there is none
   */
  async infer(
    model: string,
    inputs: Readonly<Record<string, ClientTensor>>,
    options: InferOptions = {},
  ): Promise<Record<string, ClientTensor>> {
    const tensors = Object.entries(inputs).map(([name, tensor]) => ({
      name,
      tensor,
      bytes: toBytes(tensor),
    }));
    const { id, outputs, timeoutMs, signatureName } = options;
    const head = JSON.stringify({
      ...(id !== undefined && { id }),
      inputs: tensors.map(({ name, tensor: { shape, datatype }, bytes }) => ({
        name,
        shape,
        datatype,
        parameters: { binary_data_size: bytes.length },
      })),
      ...(outputs && { outputs: outputs.map((name) => ({ name })) }),
      parameters: {
        binary_data_output: true,
        ...(timeoutMs !== undefined && { timeout: Math.ceil(timeoutMs * 1000) }),
        ...(signatureName !== undefined && { signature_name: signatureName }),
      },
    });
    const json = new TextEncoder().encode(head);
    const response = await this.#request(`${pathOf(model, options.version)}/infer`, {
      method: 'POST',
      body: new Blob([json, ...tensors.map(({ bytes }) => bytes as Uint8Array<ArrayBuffer>)]),
      headers: {
        'Content-Type': 'application/octet-stream',
        'Inference-Header-Content-Length': String(json.length),
      },
      ...(options.signal && { signal: options.signal }),
    });
    if (!response.ok) throw await errorOf(response);
    return readAnswer(response);
  }

  #request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { ...this.#headers, ...(init.headers as Record<string, string> | undefined) };
    return this.#fetch(this.#url + path, { ...init, headers });
  }
}

function pathOf(model: string, version: string | undefined): string {
  const path = `/v2/models/${encodeURIComponent(model)}`;
  return version === undefined ? path : `${path}/versions/${encodeURIComponent(version)}`;
}

async function readAnswer(response: Response): Promise<Record<string, ClientTensor>> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const length = Number(response.headers.get('Inference-Header-Content-Length') ?? bytes.length);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(0, length))) as {
    outputs: AnsweredOutput[];
  };
  const result: Record<string, ClientTensor> = {};
  let position = length;
  for (const { name, datatype, shape, parameters } of head.outputs) {
    const size = parameters?.binary_data_size ?? 0;
    const data = fromBytes(datatype, bytes.subarray(position, position + size));
    result[name] = { datatype, shape, data };
    position += size;
  }
  return result;
}

async function errorOf(response: Response): Promise<InferenceError> {
  const text = await response.text();
  let message = text;
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    if (typeof error === 'string') message = error;
  } catch {
    // A proxy's page: it is all that there is to say.
  }
  return new InferenceError(response.status, message || `HTTP status ${response.status}`);
}
