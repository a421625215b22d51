/**
 * Solves A · X = B by Gauss's elimination with pivots.
 *
 * @param a - n rows of n numbers, changed
 * @param b - n rows of k numbers, changed: the solution
 * @returns whether A has an inverse
 */
function solve(a: Float64Array[], b: Float64Array[]): boolean {
  const n = a.length;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let row = column + 1; row < n; row++) {
      if (Math.abs(at(a, row, column)) > Math.abs(at(a, pivot, column))) pivot = row;
    }
    if (Math.abs(at(a, pivot, column)) < 1e-12) return false;
    swap(a, column, pivot);
    swap(b, column, pivot);
    for (let row = 0; row < n; row++) {
      if (row === column) continue;
      const factor = at(a, row, column) / at(a, column, column);
      if (factor === 0) continue;
      subtract(a, row, column, factor);
      subtract(b, row, column, factor);
    }
  }
  for (let row = 0; row < n; row++) {
    const pivot = at(a, row, row);
    b[row] = (b[row] ?? new Float64Array()).map((value) => value / pivot);
  }
  return true;
}

const at = (rows: readonly Float64Array[], row: number, column: number): number =>
  rows[row]?.[column] ?? NaN;

function swap(rows: Float64Array[], a: number, b: number): void {
  const [first, second] = [rows[a], rows[b]];
  if (first && second) [rows[a], rows[b]] = [second, first];
}

function subtract(rows: Float64Array[], row: number, from: number, factor: number): void {
  const [target, source] = [rows[row], rows[from]];
  if (!target || !source) return;
  for (let index = 0; index < target.length; index++) {
    target[index] = (target[index] ?? 0) - factor * (source[index] ?? 0);
  }
}

/**
 * The coefficients c that make Σ wᵢ · (yᵢ − xᵢ · c)² least, for several y at once.
 *
 * @param x - rows of m numbers
 * @param y - for each of them k numbers
 * @returns m rows of k numbers; null where the rows do not determine them
 */
export function weightedLeastSquares(
  x: readonly Float64Array[],
  y: readonly Float64Array[],
  weights: readonly number[],
): Float64Array[] | null {
  const m = x[0]?.length ?? 0;
  const k = y[0]?.length ?? 0;
  const normal = Array.from({ length: m }, () => new Float64Array(m));
  const right = Array.from({ length: m }, () => new Float64Array(k));
  for (const [row, values] of x.entries()) {
    const weight = weights[row] ?? 0;
    for (let i = 0; i < m; i++) {
      const scaled = weight * (values[i] ?? 0);
      if (scaled === 0) continue;
      addScaled(normal[i], values, scaled);
      addScaled(right[i], y[row], scaled);
    }
  }
  return solve(normal, right) ? right : null;
}

function addScaled(
  target: Float64Array | undefined,
  values: Float64Array | undefined,
  factor: number,
): void {
  if (!target || !values) return;
  for (let index = 0; index < target.length; index++) {
    target[index] = (target[index] ?? 0) + factor * (values[index] ?? 0);
  }
}
