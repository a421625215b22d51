import type { Http2Stream } from '../http2/stream';
import { GONE } from '../observe/outcome';
import { memoryPool } from '../memory-pool';
import type { RpcStream } from '../wire/rpc';
import { Call, type CallSettings } from './call';
import { callFailure, statusOfFailure } from './failures';
import { GrpcRequest } from './grpc-request';
import { CallFailure, Status } from './status';

/** A message that waits for its turn. */
interface Waiting {
  /** As they came, or unpacked in its turn: together they may be more than there is memory for. */
  readonly bytes: Buffer | (() => Promise<Buffer>);
  readonly memory: Buffer | undefined;
}

/** Answers messages one after the other; what is wrong with one is its answer. */
export class StreamCall extends Call {
  readonly #method: RpcStream;
  readonly #waiting: Waiting[] = [];
  #isBusy = false;
  #hasAll = false;
  #isEnding = false;
  #drained: (() => void) | undefined;
  readonly #close = (): void => {
    this.#isEnding = true;
    this.#goOn();
  };

  constructor(seen: GrpcRequest, stream: Http2Stream, settings: CallSettings, method: RpcStream) {
    super(seen, stream, settings, method.needs);
    this.#method = method;
    settings.open.add(this.#close);
  }

  protected override received(bytes: Buffer, memory: Buffer | undefined): void {
    this.#waiting.push({ bytes, memory });
    this.#goOn();
  }

  protected override packed(unpack: () => Promise<Buffer>, memory: Buffer | undefined): void {
    this.#waiting.push({ bytes: unpack, memory });
    this.#goOn();
  }

  protected override hasAll(): void {
    this.#hasAll = true;
    this.#goOn();
  }

  drained(): void {
    this.#drained?.();
  }

  protected override get isClientAwaited(): boolean {
    return !this.#isBusy && super.isClientAwaited;
  }

  #goOn(): void {
    if (this.#isBusy || this.isOver) {
      // What the client may send is what its window has, until its messages are answered.
      if (this.#isBusy) this.stream.pause();
      return;
    }
    if (this.#isEnding) {
      this.fail(new CallFailure(Status.UNAVAILABLE, 'the server is shutting down'));
      return;
    }
    const next = this.#waiting.shift();
    if (next === undefined) {
      if (this.#hasAll) this.succeed();
      else this.resume();
      return;
    }
    this.#isBusy = true;
    this.#answer(next).then(
      () => {
        this.#isBusy = false;
        this.#goOn();
      },
      (error: unknown) => this.fail(error),
    );
  }

  /** @throws for what is no message: it ends the stream */
  async #answer(waiting: Waiting): Promise<void> {
    const { read, answer, printFailure } = this.#method;
    const { observer } = this.settings;
    const { head, remote, grant, protocol } = this.seen;
    // Each message is a request of its own.
    const seen = observer.begin(new GrpcRequest(head, remote, protocol));
    seen.grant = grant;
    const { bytes } = waiting;
    const isPacked = typeof bytes === 'function';
    let request: object | undefined;
    try {
      const whole = isPacked ? await bytes() : bytes;
      const memory = isPacked ? undefined : waiting.memory;
      if (this.granting !== undefined) await this.granting;
      if (this.#isTooLate(memory)) {
        observer.end(seen, GONE);
        return;
      }
      const answered = this.use(memory, () => {
        request = read(whole);
        this.checkScope(request);
        const message = request;
        return this.observed(seen, () => answer(message, this));
      });
      this.send(await answered);
      observer.end(seen, this.isOver ? GONE : 200);
    } catch (error) {
      observer.end(seen, statusOfFailure(error), error);
      if (request === undefined) throw error;
      const { message } = callFailure(error, this.settings.onError);
      this.send(printFailure(request, message));
    }
    if (!this.stream.isBehind || this.isOver) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
    this.#drained = undefined;
  }

  /** Whether the call has ended while a message was waited for; its memory goes back. */
  #isTooLate(memory: Buffer | undefined): boolean {
    if (this.isOver && memory !== undefined) memoryPool.giveBack(memory);
    return this.isOver;
  }

  protected override left(): void {
    this.settings.open.delete(this.#close);
    this.#drained?.();
    for (const { memory } of this.#waiting.splice(0)) {
      if (memory !== undefined) memoryPool.giveBack(memory);
    }
  }
}
