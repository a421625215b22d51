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
export const RAW_BUILD = join(ROOT, 'build-bench');
