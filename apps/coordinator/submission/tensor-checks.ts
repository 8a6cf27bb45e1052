import { byteLength, DTYPES, firstNonCanonicalByte, listRoot, tensorRoot, type Dtype, type Root, type Tensor, type TensorHeader } from '#core/hashing';
import { AssayError } from '#core/protocol';

/** A tensor as somebody sent it. */
export interface GivenTensor {
  readonly dtype: string;
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

export interface NamedSpec extends TensorHeader {
  readonly name: string;
}

/**
 * The input tensors, if they are what the model's signature asks for and canonical.
 * @throws AssayError TENSOR_COUNT_MISMATCH, TENSOR_DTYPE_MISMATCH, TENSOR_SHAPE_MISMATCH, TENSOR_DATA_MISMATCH
 */
export function checkedInputs(given: readonly GivenTensor[], specs: readonly NamedSpec[]): Tensor[] {
  if (given.length !== specs.length) {
    throw new AssayError({ code: 'TENSOR_COUNT_MISMATCH', message: `the model has ${specs.length} inputs, ${given.length} were sent`, facts: { expected: specs.map((spec) => spec.name), given: given.length } });
  }
  return specs.map((spec, index) => checkedTensor(given[index]!, spec, index));
}

function checkedTensor(given: GivenTensor, spec: NamedSpec, index: number): Tensor {
  const facts = { input: index, name: spec.name, dtype: given.dtype, dims: given.dims };
  if (given.dtype !== spec.dtype) {
    throw new AssayError({ code: 'TENSOR_DTYPE_MISMATCH', message: `input ${spec.name} is ${spec.dtype}, not ${given.dtype}`, facts: { ...facts, expected: spec.dtype, known: Object.keys(DTYPES) } });
  }
  if (given.dims.length !== spec.dims.length || given.dims.some((size, i) => size !== spec.dims[i])) {
    throw new AssayError({ code: 'TENSOR_SHAPE_MISMATCH', message: `input ${spec.name} has shape [${spec.dims}], not [${given.dims}]`, facts: { ...facts, expected: spec.dims } });
  }
  const bytes = byteLength(spec);
  if (given.data.length !== bytes) {
    throw new AssayError({ code: 'TENSOR_DATA_MISMATCH', message: `input ${spec.name} has ${bytes} bytes of data, not ${given.data.length}`, facts: { ...facts, expectedBytes: bytes, bytes: given.data.length } });
  }
  // WHY a copy: decoded bytes are a view into the whole message, which must not live as long as the tensor, at any alignment.
  // Not slice(): a Buffer's is a view again.
  const tensor: Tensor = { dtype: spec.dtype as Dtype, dims: spec.dims, data: new Uint8Array(given.data) };
  requireCanonical(tensor, facts);
  return tensor;
}

/** WHY refused and not repaired: the submitter signed the root of what it sent. */
function requireCanonical(tensor: Tensor, facts: Record<string, unknown>): void {
  const at = firstNonCanonicalByte(tensor);
  if (at < 0) return;
  throw new AssayError({ code: 'TENSOR_DATA_MISMATCH', message: `input ${String(facts['name'])} is not canonical: every NaN must be 0x7fc00000, every bool 0 or 1`, facts: { ...facts, byte: at } });
}

/** @throws AssayError INPUT_ROOT_MISMATCH unless the tensors are the ones that were signed for */
export function requireInputRoot(inputs: readonly Tensor[], signed: Root): void {
  const root = listRoot(inputs.map(tensorRoot));
  if (root !== signed) throw new AssayError({ code: 'INPUT_ROOT_MISMATCH', facts: { signed, found: root } });
}
