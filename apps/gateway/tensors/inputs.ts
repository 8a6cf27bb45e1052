import { byteLength, canonicalizeNaNs, elementCount, type Tensor, type TensorHeader } from '#core/hashing';
import { AssayError } from '#core/protocol';
import { DATATYPES, datatypeOf, isDatatype, type Datatype } from './datatypes.js';
import { bfloat16ToFloat32Bits, float16ToFloat32Bits } from './halves.js';
import { elementsOf, rawOf, type Value } from './values.js';

/** An input as a caller of the protocol gives it. */
export interface GivenInput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly content: { readonly raw: Uint8Array } | { readonly values: readonly Value[] };
}

export type NamedHeader = TensorHeader & { readonly name: string };

/**
 * The model's input tensors in signature order, from inputs in any order.
 * @throws AssayError TENSOR_NAME_UNKNOWN, TENSOR_COUNT_MISMATCH, TENSOR_DTYPE_MISMATCH, TENSOR_SHAPE_MISMATCH, TENSOR_DATA_MISMATCH
 */
export function inputTensors(given: readonly GivenInput[], specs: readonly NamedHeader[]): Tensor[] {
  const known = specs.map((spec) => spec.name);
  const byName = new Map<string, GivenInput>();
  for (const input of given) {
    if (!known.includes(input.name) || byName.has(input.name)) throw new AssayError({ code: 'TENSOR_NAME_UNKNOWN', message: byName.has(input.name) ? `input ${input.name} was given twice` : `the model has no input ${input.name}`, facts: { name: input.name, known } });
    byName.set(input.name, input);
  }
  if (byName.size !== specs.length) throw new AssayError({ code: 'TENSOR_COUNT_MISMATCH', message: `the model has ${specs.length} inputs, ${byName.size} were sent`, facts: { expected: known, given: [...byName.keys()] } });
  return specs.map((spec) => inputTensor(byName.get(spec.name)!, spec));
}

function inputTensor(input: GivenInput, spec: NamedHeader): Tensor {
  const { name, datatype } = input;
  const take = isDatatype(datatype) ? conversion(datatype, spec) : undefined;
  if (!take) throw new AssayError({ code: 'TENSOR_DTYPE_MISMATCH', message: `input ${name} is ${datatypeOf(spec.dtype)}, not ${datatype}`, facts: { name, datatype, expected: datatypeOf(spec.dtype) } });
  const dims = datatype === 'BYTES' ? spec.dims.slice(0, -1) : spec.dims;
  if (input.shape.length !== dims.length || input.shape.some((size, i) => size !== dims[i])) {
    throw new AssayError({ code: 'TENSOR_SHAPE_MISMATCH', message: `input ${name} has shape [${dims}], not [${input.shape}]`, facts: { name, shape: input.shape, expected: dims } });
  }
  const raw = contentOf(input, datatype as Datatype, elementCount(dims));
  return canonicalizeNaNs({ dtype: spec.dtype, dims: spec.dims, data: take(raw) });
}

function contentOf({ name, content }: GivenInput, datatype: Datatype, count: number): Uint8Array {
  if ('values' in content && content.values.length !== count) throw wrongLength(name, { expectedElements: count, elements: content.values.length });
  const raw = 'raw' in content ? content.raw : rawOf(datatype, content.values, name);
  const { size } = DATATYPES[datatype];
  if (size !== undefined && raw.length !== size * count) throw wrongLength(name, { expectedBytes: size * count, bytes: raw.length });
  return raw;
}

/** From an element type's raw form to the model's canonical bytes, always a copy; undefined if the model takes no such type. */
function conversion(datatype: Datatype, spec: NamedHeader): ((raw: Uint8Array) => Uint8Array) | undefined {
  if (datatype === 'BOOL' && spec.dtype === 'bool') return (raw) => booleans(raw, spec.name);
  if (DATATYPES[datatype].dtype === spec.dtype) return (raw) => new Uint8Array(raw);
  if (datatype === 'FP16' && spec.dtype === 'float32') return (raw) => widened(raw, float16ToFloat32Bits);
  if (datatype === 'BF16' && spec.dtype === 'float32') return (raw) => widened(raw, bfloat16ToFloat32Bits);
  if (datatype === 'BYTES' && spec.dtype === 'uint8' && spec.dims.length > 0) return (raw) => rows(raw, spec);
  return undefined;
}

function booleans(raw: Uint8Array, name: string): Uint8Array {
  const at = raw.findIndex((byte) => byte > 1);
  if (at >= 0) throw new AssayError({ code: 'TENSOR_DATA_MISMATCH', message: `input ${name}: byte ${at} is neither 0 nor 1`, facts: { name, byte: at } });
  return new Uint8Array(raw);
}

function widened(raw: Uint8Array, widen: (half: number) => number): Uint8Array {
  const from = new DataView(raw.buffer, raw.byteOffset, raw.length);
  const wide = new Uint8Array(raw.length * 2);
  const to = new DataView(wide.buffer);
  for (let at = 0; at < raw.length; at += 2) to.setUint32(at * 2, widen(from.getUint16(at, true)), true);
  return wide;
}

/** A tensor of bytes, each element one row of it. */
function rows(raw: Uint8Array, spec: NamedHeader): Uint8Array {
  const elements = elementsOf(raw, spec.name);
  const row = spec.dims.at(-1)!;
  const count = elementCount(spec.dims.slice(0, -1));
  if (elements.length !== count) throw wrongLength(spec.name, { expectedElements: count, elements: elements.length });
  const short = elements.find((element) => element.length !== row);
  if (short) throw wrongLength(spec.name, { expectedBytes: row, bytes: short.length });
  return new Uint8Array(Buffer.concat(elements, byteLength(spec)));
}

function wrongLength(name: string, facts: Record<string, number>): AssayError {
  const [[, expected], [what, found]] = Object.entries(facts) as [[string, number], [string, number]];
  return new AssayError({ code: 'TENSOR_DATA_MISMATCH', message: `input ${name} has ${found} ${what}, not ${expected}`, facts: { name, ...facts } });
}
