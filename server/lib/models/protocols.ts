/** What requests come by, as metrics and logs have it: a protocol's name, `grpc-` before those over gRPC. */
export const PROTOCOLS = [
  'oip',
  'tfserving',
  'kserve',
  'mlflow',
  'torchserve',
  'grpc-oip',
  'grpc-tfserving',
  // What is none of a model protocol's: pages and unknown paths, health checks and unknown methods.
  'http',
  'grpc',
  'management',
] as const;
export type ProtocolName = (typeof PROTOCOLS)[number];

const places = new Map<string, number>(PROTOCOLS.map((name, index) => [name, index]));

/** One that is not among them counts as what is none of theirs. */
export const indexOfProtocol = (name: string): number =>
  places.get(name) ?? PROTOCOLS.indexOf('http');
