// Faults that are known and being mended: what the fuzzer must not do or look at until then.
export const known = {
  /** io.runSync() does not deliver into shared memory. */
  sharedBoundSync: false,
  /** profile() of ONNX Runtime harms the runs beside it. */
  profileBesideRuns: true,
  /** An abort at a bad moment leaves the terminate flag set. */
  terminateFlag: true,
  /** A bool input in a pool is read in place. */
  pooledBool: false,
};
