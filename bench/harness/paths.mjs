import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const BENCH = dirname(dirname(fileURLToPath(import.meta.url)));
export const ROOT = dirname(BENCH);
/** What the benchmarks make and keep: models, the raw programs, a Python environment. */
export const MODEL_CACHE = join(ROOT, 'build', 'bench-models');
export const VENV = join(ROOT, 'build', 'bench-venv');
export const RAW_BUILD = join(ROOT, 'build-bench');
