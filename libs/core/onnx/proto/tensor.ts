import { BinaryReader } from '@bufbuild/protobuf/wire';
import { canonicalizeNaNs, DTYPES, MAX_RANK, type Dtype, type Tensor } from '#core/hashing';
import { AssayError } from '#core/protocol';
import type { ModelLimits } from '../limits.js';
import type { ExternalLocation, OnnxTensor } from './model.js';

/** TensorProto.DataType of float16, which is widened to float32. */
export const FLOAT16 = 10;

/** The dtype of tensors with this TensorProto.DataType code, or undefined; float32 for float16. */
export function dtypeOf(code: number): Dtype | undefined {
  if (code === FLOAT16) return 'float32';
  return (Object.keys(DTYPES) as Dtype[]).find((name) => DTYPES[name].code === code);
}

/** Other TensorProto.DataType codes by name. */
const OTHER_TYPES: Readonly<Record<number, string>> = { 4: 'uint16', 5: 'int16', 8: 'string', 11: 'double', 12: 'uint32', 13: 'uint64', 14: 'complex64', 15: 'complex128', 16: 'bfloat16', 17: 'float8', 18: 'float8', 19: 'float8', 20: 'float8', 21: 'uint4', 22: 'int4', 23: 'float4' };

/** The refusal of an element type; code 0 is an input that is no tensor. */
export function unsupportedType(subject: string, code: number): AssayError {
  const type = code === 0 ? 'no tensor (a sequence, map, sparse or optional value)' : `of ${OTHER_TYPES[code] ?? `element type code ${code}`}`;
  const remedy = code === 8 ? 'Do what concerns strings outside the model and give it numbers.' : code === 0 ? 'Export with tensors only.' : undefined;
  return new AssayError({ code: 'MODEL_DTYPE_UNSUPPORTED', message: `${subject} is ${type}.`, facts: { subject, dataType: code, type: OTHER_TYPES[code] ?? String(code) }, ...(remedy && { remedy }) });
}

/** What tensors are decoded with. */
export interface Decoding {
  readonly limits: ModelLimits;
  /** Reads data that lies beside the model; without it such a tensor is refused. */
  readonly external?: (tensor: string, from: ExternalLocation, length: number) => Uint8Array;
}

/**
 * A tensor of the file in canonical bytes (a fresh, aligned copy; NaNs as 0x7fc00000, bool as 0 or 1).
 * @throws AssayError MODEL_DTYPE_UNSUPPORTED, MODEL_TOO_LARGE, MODEL_GRAPH_INVALID, MODEL_UNPARSABLE (data in another file).
 */
export function decodeTensor(source: OnnxTensor, { limits, external }: Decoding): Tensor {
  const facts = { tensor: source.name };
  const dtype = dtypeOf(source.dataType);
  if (!dtype) throw unsupportedType(`Tensor ${source.name}`, source.dataType);
  const dims = checkedDims(source, DTYPES[dtype].size, limits);
  const half = source.dataType === FLOAT16;
  const count = dims.reduce((a, b) => a * b, 1);
  const length = count * (half ? 2 : DTYPES[dtype].size);
  if (source.external && !external) {
    throw new AssayError({ code: 'MODEL_UNPARSABLE', message: `The data of tensor ${source.name} lies outside the file.`, facts, remedy: 'Save the model with all weights inside the .onnx file, or compile it where the other file lies beside it.' });
  }
  const data = source.external ? external!(source.name, source.external, length) : dataBytes(source, { size: half ? 2 : DTYPES[dtype].size, length });
  if (data?.length !== length) {
    throw new AssayError({ code: 'MODEL_GRAPH_INVALID', message: `Tensor ${source.name} has ${data?.length ?? 'other'} bytes of data where its shape needs ${length}.`, facts: { ...facts, dims, dtype } });
  }
  if (half) return canonicalizeNaNs({ dtype, dims, data: widened(data) });
  return canonicalizeNaNs({ dtype, dims, data: dtype === 'bool' ? data.map((byte) => (byte === 0 ? 0 : 1)) : data });
}

/** Bytes of the data that the tensor says lies beside the model, as its shape has it. */
export function bytesBeside({ external, dataType, dims }: OnnxTensor): number {
  const dtype = dtypeOf(dataType);
  if (!external || !dtype) return 0;
  return Number(dims.reduce((a, b) => a * b, BigInt(dataType === FLOAT16 ? 2 : DTYPES[dtype].size)));
}

function checkedDims(source: OnnxTensor, size: number, limits: ModelLimits): number[] {
  const elements = source.dims.reduce((a, b) => a * b, 1n);
  if (source.dims.length > MAX_RANK || source.dims.some((dim) => dim < 0n)) {
    throw new AssayError({ code: 'MODEL_GRAPH_INVALID', message: `Tensor ${source.name} has the impossible shape [${source.dims}].`, facts: { tensor: source.name, dims: source.dims } });
  }
  if (elements * BigInt(size) > BigInt(limits.tensorBytes) || source.dims.some((dim) => dim > 0xffffffffn)) {
    throw new AssayError({ code: 'MODEL_TOO_LARGE', message: `Tensor ${source.name} of shape [${source.dims}] is above the limit of ${limits.tensorBytes} bytes.`, facts: { tensor: source.name, dims: source.dims } });
  }
  return source.dims.map(Number);
}

/** Undefined where the typed fields hold another number of entries than the shape needs. */
function dataBytes(source: OnnxTensor, { size, length }: { size: 1 | 2 | 4 | 8; length: number }): Uint8Array | undefined {
  // WHY not slice: on a Buffer that gives a view, which may start at any offset.
  if (source.raw) return new Uint8Array(source.raw);
  if (source.dataType === DTYPES.float32.code) return joined(source.floats, length);
  const data = new Uint8Array(length);
  const put = writerOf(new DataView(data.buffer), size);
  const count = length / size;
  let at = 0;
  for (const piece of source.varints) {
    const reader = new BinaryReader(piece);
    for (; reader.pos < reader.len; at++) {
      if (at === count) return undefined;
      put(at, BigInt(reader.int64()));
    }
  }
  return at === count ? data : undefined;
}

/** Little-endian float16 (IEEE 754 binary16) as float32: every one has an equal float32. */
function widened(halves: Uint8Array): Uint8Array {
  const from = new DataView(halves.buffer, halves.byteOffset, halves.length);
  const to = new Float32Array(halves.length / 2);
  to.forEach((_, i) => (to[i] = halfToNumber(from.getUint16(2 * i, true))));
  return new Uint8Array(to.buffer);
}

function halfToNumber(bits: number): number {
  const [sign, exponent, fraction] = [bits >= 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** Writes integers as the lowest `size` bytes of their two's complement. */
function writerOf(view: DataView, size: 1 | 2 | 4 | 8): (index: number, value: bigint) => void {
  switch (size) {
    case 1:
      return (index, value) => view.setUint8(index, Number(BigInt.asUintN(8, value)));
    case 2:
      return (index, value) => view.setUint16(2 * index, Number(BigInt.asUintN(16, value)), true);
    case 4:
      return (index, value) => view.setInt32(4 * index, Number(BigInt.asIntN(32, value)), true);
    case 8:
      return (index, value) => view.setBigInt64(8 * index, value, true);
  }
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array | undefined {
  if (pieces.reduce((sum, piece) => sum + piece.length, 0) !== length) return undefined;
  const data = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    data.set(piece, at);
    at += piece.length;
  }
  return data;
}
