import { OnliteError, Tensor } from 'onlite';

/** Feeds for a model of float32 inputs: the bytes for the first one, zeros for the others. */
export function feedsOf(session, bytes) {
  return Object.fromEntries(
    session.inputMetadata.map(({ name, shape }, index) => {
      const dims = shape.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : 1));
      const size = dims.reduce((product, dim) => product * dim, 1);
      const data = new Float32Array(size);
      if (index === 0 && bytes.length > 0) fill(data, bytes, name);
      return [name, new Tensor('float32', data, dims)];
    }),
  );
}

function fill(data, bytes, name) {
  if (bytes.length !== data.byteLength) {
    const message = `${name}: expected ${data.byteLength} bytes, got ${bytes.length}`;
    throw new OnliteError('ERR_SHAPE_MISMATCH', message);
  }
  for (let index = 0; index < data.length; index++) data[index] = bytes.readFloatLE(4 * index);
}
