import type { RequestHead } from '../http2/request-head';
import { Transport } from '../metrics/request-counts';
import type { ProtocolName } from '../models';
import { ObservedRequest } from '../observe/observed-request';

/** A call over gRPC, or one message of a stream of them, as it is observed. */
export class GrpcRequest extends ObservedRequest {
  readonly head: RequestHead;
  readonly remote: string | undefined;

  constructor(head: RequestHead, remote: string | undefined, protocol: ProtocolName) {
    super(Transport.grpc, protocol);
    this.head = head;
    this.remote = remote;
  }

  /** The answer's fields are the same for all calls: only the client can name one. */
  override nameIt(): string | undefined {
    return this.givenId;
  }

  header(name: string): string | undefined {
    return this.head.fields.get(name);
  }

  get method(): string {
    return this.head.method;
  }

  get path(): string {
    return this.head.path;
  }

  get route(): string {
    return this.head.path;
  }
}
