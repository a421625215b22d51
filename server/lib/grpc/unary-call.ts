import type { Http2Stream } from '../http2/stream';
import { memoryPool } from '../memory-pool';
import type { RpcMessage, RpcMethod, RpcWatch } from '../wire/rpc';
import { Call, type CallSettings } from './call';
import type { GrpcRequest } from './grpc-request';
import { CallFailure, Status } from './status';

/** A call whose client sends one message, which is looked at when it is known that it is the only one. */
abstract class OneMessageCall extends Call {
  #bytes: Buffer | Promise<Buffer> | undefined;
  #memory: Buffer | undefined;

  protected override received(bytes: Buffer, memory: Buffer | undefined): void {
    this.#checkFirst();
    this.#bytes = bytes;
    this.#memory = memory;
  }

  protected override packed(unpack: () => Promise<Buffer>): void {
    this.#checkFirst();
    const bytes = unpack();
    // It is told of when the message is wanted.
    bytes.catch(() => undefined);
    this.#bytes = bytes;
  }

  #checkFirst(): void {
    if (this.#bytes === undefined) return;
    throw new CallFailure(Status.UNIMPLEMENTED, 'the method takes one message, and there are more');
  }

  protected override hasAll(): void {
    const { granting } = this;
    if (granting !== undefined) {
      void granting.then(() => {
        if (!this.isOver) this.hasAll();
      });
      return;
    }
    const bytes = this.#bytes;
    if (bytes === undefined) {
      this.fail(
        new CallFailure(Status.UNIMPLEMENTED, 'the method takes one message, and there is none'),
      );
    } else if (bytes instanceof Promise) {
      bytes.then(
        (unpacked) => this.#answer(unpacked),
        (error: unknown) => this.fail(error),
      );
    } else this.#answer(bytes);
  }

  #answer(bytes: Buffer): void {
    if (this.isOver) return;
    const memory = this.#memory;
    this.#memory = undefined;
    try {
      this.use(memory, () => this.answer(bytes));
    } catch (error) {
      this.fail(error);
    }
  }

  /** Its bytes are there until this returns. */
  protected abstract answer(bytes: Buffer): void;

  protected override left(): void {
    if (this.#memory !== undefined) memoryPool.giveBack(this.#memory);
    this.#memory = undefined;
  }
}

/** A message for a message. */
export class UnaryCall extends OneMessageCall {
  readonly #method: RpcMethod;

  constructor(seen: GrpcRequest, stream: Http2Stream, settings: CallSettings, method: RpcMethod) {
    super(seen, stream, settings, method.needs);
    this.#method = method;
  }

  protected override answer(bytes: Buffer): void {
    const { read, answer } = this.#method;
    const request = read(bytes);
    this.checkScope(request);
    const answered = this.observed(this.seen, () => answer(request, this));
    if (answered instanceof Promise) {
      answered
        .then((message) => this.#succeed(message))
        .catch((error: unknown) => this.fail(error));
    } else this.#succeed(answered);
  }

  #succeed(message: RpcMessage): void {
    this.send(message);
    this.succeed();
  }
}

/** A message for as many as there will be. */
export class WatchCall extends OneMessageCall {
  readonly #watch: RpcWatch;
  #stop: (() => void) | undefined;
  readonly #close = (): void => {
    this.fail(new CallFailure(Status.UNAVAILABLE, 'the server is shutting down'));
  };

  constructor(seen: GrpcRequest, stream: Http2Stream, settings: CallSettings, watch: RpcWatch) {
    super(seen, stream, settings, watch.needs);
    this.#watch = watch;
    settings.open.add(this.#close);
  }

  protected override answer(bytes: Buffer): void {
    const { read, watch } = this.#watch;
    const request = read(bytes);
    this.checkScope(request);
    this.#stop = watch(request, (message) => {
      if (this.stream.isBehind) return false;
      this.send(message);
      return true;
    });
  }

  protected override left(): void {
    super.left();
    this.#stop?.();
    this.settings.open.delete(this.#close);
  }
}
