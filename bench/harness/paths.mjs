import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const BENCH = dirname(dirname(fileURLToPath(import.meta.url)));
export const ROOT = dirname(BENCH);
/** What the benchmarks make and keep: models, the raw programs, a Python environment. */
export const MODEL_CACHE = join(ROOT, 'build', 'bench-models');
export const VENV = join(ROOT, 'build', 'bench-venv');
/** The models that simplifying and quantising are measured with, and the references' environments. */
export const OPTIMIZE_MODELS = join(ROOT, 'build', 'optimize-models');
export const OPTIMIZE_VENVS = join(ROOT, 'build', 'optimize-venv');
/** The servers that serving is compared with: their environments, and the backend of one. */
export const SERVE_VENVS = join(ROOT, 'build', 'serve-venv');
export const TRITON_BUILD = join(ROOT, 'build', 'serve-triton');
/** What the benchmark of serving has of the server's own. */
export const SERVER_BENCH = join(ROOT, 'server', 'bench');
export const RAW_BUILD = join(ROOT, 'build-bench');
