import { allows, requireScope, type Access } from '../access';
import { COUNTED_FROM, type BodyBudget, type BodyShare } from '../body-budget';
import { encodeFields } from '../http2/hpack-encoder';
import type { RequestHead } from '../http2/request-head';
import type { Http2Stream, StreamSink } from '../http2/stream';
import type { Observer } from '../observe/observer';
import { GONE } from '../observe/outcome';
import { decompress, type Encoding } from '../wire/encodings';
import { grpcTimeout, urgency } from '../wire/caller-fields';
import { RequestError } from '../wire/errors';
import { memoryPool } from '../memory-pool';
import type { RpcCall, RpcMessage, RpcNeeds } from '../wire/rpc';
import { callFailure, statusOfFailure, unpackFailure } from './failures';
import type { GrpcRequest } from './grpc-request';
import { MessageReader, PREFIX_BYTES, type ReceivedMessage } from './message-reader';
import { CallFailure, Status, encodeMessage } from './status';

/** What calls are answered with. */
export interface CallSettings {
  readonly maxMessageBytes: number;
  /** Has room for messages. */
  readonly bodies: BodyBudget;
  /** Undefined lets everybody call. */
  readonly access: Access | undefined;
  /** Told of all calls. */
  readonly observer: Observer;
  /** Told of what is answered with INTERNAL. */
  readonly onError: (error: unknown) => void;
  /** Calls that go on until they are ended: each ends after the message that it is at. */
  readonly open: Set<() => void>;
}

const headFields = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
  ['grpc-accept-encoding', 'identity,deflate,gzip'],
] as const;
const HEAD = encodeFields(headFields);
const SUCCESS = encodeFields([['grpc-status', '0']]);

function statusFields({ code, message, retryAfterMs }: CallFailure): [string, string][] {
  const fields: [string, string][] = [
    ['grpc-status', String(code)],
    ['grpc-message', encodeMessage(message)],
  ];
  // What clients with a retry policy wait for (gRPC's proposal A6), and what others know of HTTP.
  if (retryAfterMs !== undefined) {
    fields.push(['grpc-retry-pushback-ms', String(Math.ceil(retryAfterMs))]);
    fields.push(['retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1000)))]);
  }
  return fields;
}

/** The fields that an answer consists of where there is no message. */
export const encodeFailure = (failure: CallFailure): Buffer =>
  encodeFields([...headFields, ...statusFields(failure)]);

/** The memory of an answer is about as large as its request's: that is held until it was sent. */
function releaseOf(
  message: (() => void) | undefined,
  share: BodyShare | undefined,
): (() => void) | undefined {
  if (share === undefined) return message;
  return () => {
    message?.();
    share.release();
  };
}

/** What all calls have: a deadline, messages that come and go, and a status at their end. */
export abstract class Call implements RpcCall, StreamSink {
  protected readonly settings: CallSettings;
  protected readonly stream: Http2Stream;
  readonly #needs: RpcNeeds;
  readonly #reader: MessageReader;
  /** Under way where it cannot be said at once who calls. */
  protected granting: Promise<void> | undefined;
  #encoding: Encoding | undefined;
  #timer: NodeJS.Timeout | undefined;
  #controller: AbortController | undefined;
  #deadline: number | undefined;
  #tell: (() => void) | undefined;
  #isCancelled = false;
  #isLeft = false;
  #hasHead = false;
  /** Bytes of messages that are not answered, and the room for them where they are many. */
  #bytes = 0;
  #share: BodyShare | undefined;
  /** Room that is waited for; never fails. */
  #coming: Promise<void> | undefined;
  #isUnpacking = false;

  /** The call as it is observed. */
  protected readonly seen: GrpcRequest;

  constructor(seen: GrpcRequest, stream: Http2Stream, settings: CallSettings, needs: RpcNeeds) {
    this.seen = settings.observer.begin(seen);
    this.#needs = needs;
    this.stream = stream;
    this.settings = settings;
    this.#reader = new MessageReader(settings.maxMessageBytes);
  }

  /** Does what the request's fields ask for. */
  begin(): this {
    const { fields } = this.seen.head;
    this.#noteChange(undefined);
    const encoding = fields.get('grpc-encoding') ?? 'identity';
    if (encoding === 'gzip' || encoding === 'deflate') this.#encoding = encoding;
    else if (encoding !== 'identity') {
      const what = `messages are compressed by gzip and deflate here, not by '${encoding}'`;
      this.fail(new CallFailure(Status.UNIMPLEMENTED, what));
      return this;
    }
    const timeout = fields.get('grpc-timeout');
    if (timeout !== undefined) this.#startTimer(timeout);
    this.#authenticate(fields);
    return this;
  }

  /** Before any message is read: whoever is nobody is not waited for. */
  #authenticate(fields: RequestHead['fields']): void {
    const { access } = this.settings;
    if (access === undefined || this.#needs.action === 'nothing' || this.isOver) return;
    try {
      const grant = access.authenticate({
        authorization: fields.get('authorization'),
        'x-api-key': fields.get('x-api-key'),
      });
      if (!(grant instanceof Promise)) {
        this.seen.grant = grant;
        return;
      }
      this.granting = grant.then(
        (known) => {
          this.seen.grant = known;
          this.granting = undefined;
        },
        (error: unknown) => this.fail(error),
      );
    } catch (error) {
      this.fail(error);
    }
  }

  /** @throws RequestError 403 for what the caller is not allowed */
  protected checkScope(request: object): void {
    const { action, modelOf } = this.#needs;
    this.#noteChange(modelOf?.(request));
    if (this.settings.access === undefined || action === 'nothing') return;
    const { grant } = this.seen;
    if (grant === undefined) throw new RequestError(401, 'nobody has said who calls');
    requireScope(grant, action, modelOf?.(request));
  }

  #noteChange(model: string | undefined): void {
    if (this.#needs.action !== 'manage') return;
    const { path } = this.seen;
    this.seen.change = { operation: path.slice(path.lastIndexOf('/') + 1), model };
  }

  header(name: string): string | undefined {
    return this.seen.header(name);
  }

  allows(model: string): boolean {
    const { grant } = this.seen;
    const { action } = this.#needs;
    return grant === undefined || action === 'nothing' || allows(grant, action, model);
  }

  get isOver(): boolean {
    return this.#isCancelled || this.stream.isOver;
  }

  get deadline(): number | undefined {
    return this.#deadline;
  }

  get priority(): number {
    return urgency(this.header('priority'));
  }

  onLeave(tell: (() => void) | undefined): void {
    this.#tell = tell;
    if (tell !== undefined && this.#isCancelled) queueMicrotask(tell);
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#isCancelled) this.#controller.abort();
    return this.#controller.signal;
  }

  #startTimer(timeout: string): void {
    const milliseconds = grpcTimeout(timeout);
    if (milliseconds === undefined) {
      this.fail(new CallFailure(Status.INTERNAL, `grpc-timeout: '${timeout}' is no time`));
      return;
    }
    this.#deadline = performance.now() + milliseconds;
    this.#timer = setTimeout(() => {
      this.fail(new CallFailure(Status.DEADLINE_EXCEEDED, 'the deadline has passed'));
      this.gone();
    }, milliseconds);
  }

  data(bytes: Buffer): boolean {
    if (this.isOver) return false;
    this.#count(bytes.length);
    try {
      return this.#reader.read(bytes, (message) => this.#take(message));
    } catch (error) {
      this.fail(error);
      // Of a message before the one that is wrong.
      return true;
    }
  }

  /** What there is no room for waits where the client has it, but for what it may send already. */
  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < COUNTED_FROM || this.#isUnpacking) return;
    const share = this.#ownShare();
    if (this.#coming !== undefined) share.grewTo(this.#bytes);
    else if (!share.tryGrow(this.#bytes)) {
      this.stream.pause();
      this.#coming = share.wait(this.#bytes).then(
        () => {
          this.#coming = undefined;
          this.resume();
        },
        (error: unknown) => {
          this.#coming = undefined;
          if (this.#share === share) this.fail(error);
        },
      );
    }
  }

  /** Which model it is for is said in the message. */
  #ownShare(): BodyShare {
    if (this.#share !== undefined) return this.#share;
    const share = this.settings.bodies.share('');
    share.sender = {
      isAwaited: () => this.isClientAwaited,
      cut: (error) => this.fail(error),
    };
    return (this.#share = share);
  }

  /** Whether it is the client that has to go on. */
  protected get isClientAwaited(): boolean {
    return !this.stream.hasAll;
  }

  /** Lets the client send more, if there is room. */
  protected resume(): void {
    if (this.#coming === undefined && !this.#isUnpacking) this.stream.resume();
  }

  end(): void {
    if (this.isOver) return;
    if (this.#reader.isBetween) this.hasAll();
    else this.fail(new CallFailure(Status.INTERNAL, 'the request ends in the middle of a message'));
  }

  gone(): void {
    this.#isCancelled = true;
    this.settings.observer.end(this.seen, GONE);
    this.#controller?.abort();
    this.#tell?.();
    this.#over();
  }

  #over(): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    clearTimeout(this.#timer);
    this.#takeShare()?.release();
    this.#reader.discard();
    this.left();
  }

  /** What is held for the messages so far; the next ones are counted anew. */
  #takeShare(): BodyShare | undefined {
    const share = this.#share;
    this.#share = undefined;
    this.#bytes = 0;
    return share;
  }

  #take(message: ReceivedMessage): void {
    if (!message.isCompressed) {
      this.received(message.bytes, message.memory);
      return;
    }
    const encoding = this.#encoding;
    if (encoding === undefined) {
      throw new CallFailure(
        Status.INTERNAL,
        'a message is compressed, and grpc-encoding is not said',
      );
    }
    const unpack = (): Promise<Buffer> =>
      this.#unpack(message.bytes, encoding).finally(() => {
        if (message.memory !== undefined) memoryPool.giveBack(message.memory);
      });
    this.packed(unpack, message.memory);
  }

  /** What it unpacks to is counted as what came is, besides the messages that wait. */
  async #unpack(bytes: Buffer, encoding: Encoding): Promise<Buffer> {
    await this.#coming;
    if (this.#isLeft) throw new CallFailure(Status.CANCELLED, 'nobody waits for the message');
    const share = this.#ownShare();
    const others = this.#bytes - bytes.length;
    const room = {
      tryGrow: (held: number) => share.tryGrow(others + held),
      wait: (held: number) => share.wait(others + held),
    };
    this.#isUnpacking = true;
    this.stream.pause();
    try {
      const body = await decompress(bytes, encoding, this.settings.maxMessageBytes, room);
      return body.bytes();
    } catch (error) {
      throw unpackFailure(error);
    } finally {
      this.#isUnpacking = false;
      this.resume();
    }
  }

  /** A message; its memory is to be given back. */
  protected abstract received(bytes: Buffer, memory: Buffer | undefined): void;

  /**
   * A message that has to be unpacked, which gives the memory of the packed one back; where it is not, that is
   * to be given back.
   */
  protected abstract packed(unpack: () => Promise<Buffer>, memory: Buffer | undefined): void;

  /** The client sends no more messages. */
  protected abstract hasAll(): void;

  /** The call is over: it was answered, or nobody waits for that any more. Called once. */
  protected left(): void {
    // Most have nothing to stop.
  }

  /** Uses a message's bytes, and has their memory given back. */
  protected use<Result>(memory: Buffer | undefined, use: () => Result): Result {
    try {
      return use();
    } finally {
      if (memory !== undefined) memoryPool.giveBack(memory);
    }
  }

  /** Calls what answers a message. */
  protected observed<Result>(seen: GrpcRequest, call: () => Result): Result {
    const { observer } = this.settings;
    const span = observer.enter(seen);
    try {
      return span === undefined ? call() : span.within(call);
    } finally {
      observer.leave();
    }
  }

  /** Sends a message. */
  protected send(message: RpcMessage): void {
    const isWhole = message instanceof Uint8Array;
    const { length } = message;
    if (this.isOver) {
      if (!isWhole) message.release?.();
      return;
    }
    if (length > this.settings.maxMessageBytes) {
      if (!isWhole) message.release?.();
      const what = `the answer has ${length} bytes, more than ${this.settings.maxMessageBytes}`;
      throw new CallFailure(Status.RESOURCE_EXHAUSTED, what);
    }
    if (!this.#hasHead) this.stream.respond(HEAD);
    this.#hasHead = true;
    const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
    prefix[0] = 0;
    prefix.writeUInt32BE(length, 1);
    const parts = isWhole ? [prefix, message] : [prefix, ...message.parts];
    const release = releaseOf(isWhole ? undefined : message.release, this.#takeShare());
    this.stream.write({ parts, length: length + PREFIX_BYTES, ...(release && { release }) });
  }

  protected succeed(): void {
    if (this.isOver) return;
    this.settings.observer.end(this.seen, 200);
    this.#over();
    if (!this.#hasHead) this.stream.respond(HEAD);
    this.stream.finish(SUCCESS);
  }

  protected fail(error: unknown): void {
    if (this.isOver) return;
    this.settings.observer.end(this.seen, statusOfFailure(error), error);
    this.#over();
    const failure = callFailure(error, this.settings.onError);
    if (this.#hasHead) this.stream.finish(encodeFields(statusFields(failure)));
    else this.stream.respond(encodeFailure(failure), true);
  }
}
