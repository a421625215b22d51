import type { IncomingMessage } from 'node:http';
import { isIP, type AddressInfo } from 'node:net';

import type { Admit } from '../http/admission';
import { createHandler, type HandlerSettings, type HttpHandler } from '../http/handler';
import type { Observer } from '../observe/observer';
import { RouteTable } from '../http/paths';
import { close, createHttpServer, type WebServer } from '../http/server';
import { Transport } from '../metrics';
import type { ModelServer } from '../server';
import { listen, setTls } from '../sockets';
import type { TlsOptions } from '../tls';
import { management } from './routes';

/** Bodies of management are small. */
const MAX_BODY_BYTES = 64 << 10;

/** What management is about. */
export interface ManagementSettings {
  readonly server: ModelServer;
  readonly onError: (error: unknown) => void;
  readonly observer: Observer;
  /** Those of metrics and the like. */
  readonly pages: HandlerSettings['pages'];
  /** Asked of each request. */
  readonly admit: Admit;
  readonly tls: TlsOptions | undefined;
  /** What it is to be reached by besides addresses and localhost. */
  readonly host: string;
}

/** The management API, on a port of its own. */
export class ManagementServer {
  #isClosing = false;
  readonly #server: WebServer;
  readonly #host: string;

  constructor({ server, observer, pages, admit, tls, onError, host }: ManagementSettings) {
    this.#host = host;
    const handler = createHandler({
      routes: new RouteTable([management(server)]),
      maxBodyBytes: MAX_BODY_BYTES,
      isOwner: true,
      bodies: undefined,
      compression: false,
      transport: Transport.management,
      observer,
      pages,
      admit,
      onlyModel: () => undefined,
      isClosing: () => this.#isClosing,
      onError,
    });
    const answer: HttpHandler = (request, response, continues) => {
      if (this.#isMeant(request)) {
        handler(request, response, continues);
        return;
      }
      observer.refused('management', 421);
      const body = JSON.stringify({ error: `Host: '${request.headers.host}' is not this server` });
      response.writeHead(421, { 'Content-Type': 'application/json', Connection: 'close' });
      response.end(body);
    };
    const refused = (status: number): void => observer.refused('management', status);
    this.#server = createHttpServer(answer, {}, tls, refused);
  }

  /** Another certificate for new connections. */
  setTls(tls: TlsOptions): void {
    setTls(this.#server, tls);
  }

  /** A page whose name has been made to mean this machine still says its own name. */
  #isMeant({ headers }: IncomingMessage): boolean {
    const { host = '' } = headers;
    const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
    return name === '' || name === 'localhost' || name === this.#host || isIP(name) !== 0;
  }

  listen(port: number): Promise<AddressInfo> {
    return listen(this.#server, { port, host: this.#host });
  }

  close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    return close(this.#server, graceMs);
  }
}
