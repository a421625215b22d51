// Faults that are known and being mended: what the fuzzer must not do or look at until then.
export const known = {
  /** profile() of ONNX Runtime harms the runs beside it. */
  profileBesideRuns: true,
};
