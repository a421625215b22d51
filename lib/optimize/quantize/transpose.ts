/** A matrix of so many rows and columns with these for each other. */
export function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let row = 0, from = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, from++) {
      result[column * rows + row] = values[from] ?? 0;
    }
  }
  return result;
}
