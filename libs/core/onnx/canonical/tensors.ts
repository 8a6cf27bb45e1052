import type { Tensor } from '#core/hashing';

/** A float32 tensor with every element equal to `value`. */
export function filled(dims: readonly number[], value: number): Tensor {
  const data = new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(value);
  return { dtype: 'float32', dims: [...dims], data: new Uint8Array(data.buffer) };
}

/** A one-dimensional int64 tensor: shapes, axes, bounds as ONNX wants them. */
export function int64List(values: readonly number[]): Tensor {
  const data = BigInt64Array.from(values, (value) => BigInt(value));
  return { dtype: 'int64', dims: [values.length], data: new Uint8Array(data.buffer) };
}
