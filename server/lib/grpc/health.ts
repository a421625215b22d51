import { readTexts } from '../wire/protobuf/texts';
import { ProtobufWriter } from '../wire/protobuf/writer';
import { forEverybody, rpcMethod, type RpcService } from '../wire/rpc';
import { CallFailure, Status } from './status';

const NAME = 'grpc.health.v1.Health';

const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;

/** Between two looks whether a watched service still serves. */
const WATCH_MS = 500;

/**
 * What Kubernetes' probes call: all services, and the empty name for the whole server, serve as soon as every
 * model is ready.
 */
export function healthService(services: readonly string[], isReady: () => boolean): RpcService {
  const known = new Set(['', NAME, ...services]);
  const stateOf = (service: string): number =>
    known.has(service) ? (isReady() ? SERVING : NOT_SERVING) : SERVICE_UNKNOWN;
  const read = (bytes: Buffer): string[] => readTexts(bytes, 1);
  return {
    name: NAME,
    methods: {
      Check: rpcMethod(forEverybody, read, ([service = '']) => {
        const state = stateOf(service);
        if (state !== SERVICE_UNKNOWN) return print(state);
        const what = `there is no service '${service.slice(0, 200)}'`;
        throw new CallFailure(Status.NOT_FOUND, what);
      }),
    },
    watches: {
      Watch: {
        needs: forEverybody,
        read,
        watch: (request, tell) => {
          const [service = ''] = request as string[];
          let told: number | undefined;
          const look = (): void => {
            const state = stateOf(service);
            if (state !== told && tell(print(state))) told = state;
          };
          look();
          const timer = setInterval(look, WATCH_MS);
          timer.unref();
          return () => clearInterval(timer);
        },
      },
    },
  };
}

const print = (state: number): Buffer => new ProtobufWriter(8).integer(1, state).finish();
