/**
 * What an archive may cost before it is refused, in bytes and entries. The largest one that is
 * fetched (onnxruntime-node) has 288 MB in 40 entries; the largest file is 46 MB.
 */
export const DEFAULT_LIMITS = Object.freeze({
  archiveBytes: 256 * 1024 * 1024,
  entryBytes: 128 * 1024 * 1024,
  totalBytes: 1024 * 1024 * 1024,
  entries: 10_000,
});
