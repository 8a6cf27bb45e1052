import { canonicalizeNaNs, DTYPES, elementCount, type Dtype, type Tensor } from '#core/hashing';
import { AssayError } from '#core/protocol';

/** A tensor's values as JavaScript has them; bool is 0 or 1. */
export type TypedArray = Float32Array | Uint8Array | Int8Array | Int32Array | BigInt64Array;

const DTYPE_OF: readonly (readonly [new (buffer: ArrayBuffer) => TypedArray, Dtype])[] = [
  [Float32Array, 'float32'],
  [Uint8Array, 'uint8'],
  [Int8Array, 'int8'],
  [Int32Array, 'int32'],
  [BigInt64Array, 'int64'],
];

/**
 * A tensor of these values, row-major. The element type follows from the array's; a Uint8Array of zeros and ones may be `bool`.
 * @throws AssayError TENSOR_DATA_MISMATCH if their number does not fit the shape, TENSOR_DTYPE_MISMATCH
 */
export function tensorOf(values: TypedArray, dims: readonly number[], dtype = dtypeOf(values)): Tensor {
  const fits = dtype === dtypeOf(values) || (dtype === 'bool' && values instanceof Uint8Array && values.every((value) => value <= 1));
  if (!fits) throw new AssayError({ code: 'TENSOR_DTYPE_MISMATCH', facts: { expected: dtype, found: values.constructor.name } });
  if (elementCount(dims) !== values.length) throw new AssayError({ code: 'TENSOR_DATA_MISMATCH', message: `${values.length} values do not fill the shape [${dims.join(', ')}]`, facts: { dims, expected: elementCount(dims), found: values.length } });
  return canonicalizeNaNs({ dtype, dims, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength).slice() });
}

/** The values of a tensor, copied. */
export function valuesOf({ dtype, data }: Pick<Tensor, 'dtype' | 'data'>): TypedArray {
  const [make] = DTYPE_OF.find(([, name]) => name === (dtype === 'bool' ? 'uint8' : dtype)) ?? [];
  if (!make || data.length % DTYPES[dtype].size !== 0) throw new AssayError({ code: 'TENSOR_DTYPE_MISMATCH', facts: { found: dtype } });
  return new make(data.slice().buffer);
}

function dtypeOf(values: TypedArray): Dtype {
  const [, dtype] = DTYPE_OF.find(([make]) => values instanceof make) ?? [];
  if (!dtype) throw new AssayError({ code: 'TENSOR_DTYPE_MISMATCH', message: 'not an array of an element type that tensors have', facts: { known: DTYPE_OF.map(([make]) => make.name) } });
  return dtype;
}
