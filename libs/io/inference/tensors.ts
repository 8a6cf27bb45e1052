import { canonicalizeNaNs, byteLength, DTYPES, type Dtype, type Tensor, type TensorHeader } from '#core/hashing';
import type { NamedHeader } from '#core/onnx';
import { AssayError } from '#core/protocol';

/** Typed views that ONNX Runtime takes and gives, by dtype. */
const VIEWS = {
  float32: Float32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
} as const;

/** One tensor as it crosses to the runtime, possibly on another thread. */
export interface RuntimeTensor {
  readonly dtype: Dtype;
  readonly dims: readonly number[];
  readonly data: InstanceType<(typeof VIEWS)[Dtype]>;
}

/** A copy in a buffer of its own. SAFETY: kernels take other paths, with other bits, on buffers that are not 16-byte aligned. */
export function toRuntime(tensor: Tensor): RuntimeTensor {
  const buffer = new ArrayBuffer(tensor.data.length);
  new Uint8Array(buffer).set(tensor.data);
  return { dtype: tensor.dtype, dims: tensor.dims, data: new VIEWS[tensor.dtype](buffer) };
}

/** What the runtime gave, in canonical bytes under the header that the model says it has. The binding gives buffers of their own. */
export function fromRuntime(header: TensorHeader, data: ArrayBufferView): Tensor {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.length !== byteLength(header)) {
    throw new AssayError({ code: 'EXECUTION_FAILED', message: `The runtime gave ${bytes.length} bytes for ${header.dtype}[${header.dims}].`, facts: { ...header } });
  }
  return canonicalizeNaNs({ dtype: header.dtype, dims: header.dims, data: bytes });
}

/** Throws TENSOR_* unless the tensors are exactly what the signature says. */
export function checkTensors(tensors: readonly Tensor[], expected: readonly NamedHeader[]): void {
  if (tensors.length !== expected.length) {
    throw new AssayError({ code: 'TENSOR_COUNT_MISMATCH', message: `${tensors.length} tensors were given, ${expected.length} are expected.`, facts: { given: tensors.length, expected: expected.map(({ name }) => name) } });
  }
  tensors.forEach((tensor, i) => checkTensor(tensor, expected[i]!));
}

function checkTensor(tensor: Tensor, { name, dtype, dims }: NamedHeader): void {
  if (tensor.dtype !== dtype) throw new AssayError({ code: 'TENSOR_DTYPE_MISMATCH', message: `Tensor ${name} is ${tensor.dtype}, ${dtype} is expected.`, facts: { name, given: tensor.dtype, expected: dtype } });
  if (tensor.dims.length !== dims.length || tensor.dims.some((dim, i) => dim !== dims[i])) {
    throw new AssayError({ code: 'TENSOR_SHAPE_MISMATCH', message: `Tensor ${name} has shape [${tensor.dims}], [${dims}] is expected.`, facts: { name, given: tensor.dims, expected: dims } });
  }
  const length = byteLength({ dtype, dims });
  if (tensor.data.length !== length) throw new AssayError({ code: 'TENSOR_DATA_MISMATCH', message: `Tensor ${name} has ${tensor.data.length} bytes, ${length} are expected.`, facts: { name, given: tensor.data.length, expected: length, elementSize: DTYPES[dtype].size } });
  if (dtype === 'bool' && tensor.data.some((byte) => byte > 1)) throw new AssayError({ code: 'TENSOR_DATA_MISMATCH', message: `Tensor ${name} has a bool that is neither 0 nor 1.`, facts: { name } });
}
