import { rootBytes, toRoot, type Root } from './bytes.js';
import { hashPair, MerkleTree } from './merkle.js';

/** Supported element types; the code is ONNX TensorProto.DataType (onnx.proto), size in bytes. */
export const DTYPES = {
  float32: { code: 1, size: 4 },
  uint8: { code: 2, size: 1 },
  int8: { code: 3, size: 1 },
  int32: { code: 6, size: 4 },
  int64: { code: 7, size: 8 },
  bool: { code: 9, size: 1 },
} as const;

export type Dtype = keyof typeof DTYPES;

export const MAX_RANK = 7;
/** Elements of one tensor; keeps every index exact in a double and every tree at most 38 levels deep. */
export const MAX_ELEMENTS = 2 ** 40;
const CHUNK = 32;

export interface TensorHeader {
  readonly dtype: Dtype;
  /** At most MAX_RANK sizes, each 0 ≤ size < 2^32; empty for a scalar. */
  readonly dims: readonly number[];
}

/** A tensor in canonical bytes: row-major, little-endian, NaNs as 0x7fc00000, bool as 0 or 1. */
export interface Tensor extends TensorHeader {
  readonly data: Uint8Array;
}

export function elementCount(dims: readonly number[]): number {
  return dims.reduce((a, b) => a * b, 1);
}

export function byteLength(header: TensorHeader): number {
  return elementCount(header.dims) * DTYPES[header.dtype].size;
}

/** Number of 32-byte chunks; an empty tensor has one zero chunk. */
export function chunkCount(header: TensorHeader): number {
  return Math.max(1, Math.ceil(byteLength(header) / CHUNK));
}

/** 32 bytes: dtype code, rank, seven big-endian uint32 sizes (unused ones zero), two zero bytes. */
export function encodeHeader(header: TensorHeader): Root {
  if (header.dims.length > MAX_RANK) throw new RangeError(`rank ${header.dims.length} is above ${MAX_RANK}`);
  if (elementCount(header.dims) > MAX_ELEMENTS) throw new RangeError(`more than ${MAX_ELEMENTS} elements`);
  const bytes = new Uint8Array(CHUNK);
  const view = new DataView(bytes.buffer);
  bytes[0] = DTYPES[header.dtype].code;
  bytes[1] = header.dims.length;
  header.dims.forEach((dim, i) => {
    if (!Number.isInteger(dim) || dim < 0 || dim >= 2 ** 32) throw new RangeError(`dimension ${dim} is not a uint32`);
    view.setUint32(2 + 4 * i, dim);
  });
  return toRoot(bytes);
}

/** Inverse of encodeHeader; throws RangeError on any encoding that encodeHeader cannot produce. */
export function decodeHeader(word: Root): TensorHeader {
  const bytes = rootBytes(word);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const dtype = (Object.keys(DTYPES) as Dtype[]).find((name) => DTYPES[name].code === bytes[0]);
  if (!dtype) throw new RangeError(`unknown dtype code ${bytes[0]}`);
  if (bytes[1]! > MAX_RANK) throw new RangeError(`rank ${bytes[1]} is above ${MAX_RANK}`);
  const header = { dtype, dims: Array.from({ length: bytes[1]! }, (_, i) => view.getUint32(2 + 4 * i)) };
  if (encodeHeader(header) !== word) throw new RangeError('header has bytes outside its fields');
  return header;
}

/** Merkle tree over the data's 32-byte chunks, the last one zero-padded. */
export function tensorTree(tensor: Tensor): MerkleTree {
  if (tensor.data.length !== byteLength(tensor)) throw new RangeError(`${tensor.data.length} bytes of data for ${tensor.dtype}[${tensor.dims}]`);
  const length = chunkCount(tensor) * CHUNK;
  if (tensor.data.length === length) return new MerkleTree(tensor.data);
  const padded = new Uint8Array(length);
  padded.set(tensor.data);
  return new MerkleTree(padded);
}

/** sha256(data root ‖ header): commits to bytes, dtype and shape. */
export function bindHeader(dataRoot: Root, header: Root): Root {
  return toRoot(hashPair(rootBytes(dataRoot), rootBytes(header)));
}

export function tensorRoot(tensor: Tensor): Root {
  return bindHeader(tensorTree(tensor).root, encodeHeader(tensor));
}

const CANONICAL_NAN = 0x7fc00000;

/** Replaces every float32 NaN by 0x7fc00000, in place. Other dtypes are left alone. Data must be 4-byte aligned. */
export function canonicalizeNaNs(tensor: Tensor): Tensor {
  if (tensor.dtype !== 'float32') return tensor;
  const words = new Uint32Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.length / 4);
  for (let i = 0; i < words.length; i++) if ((words[i]! & 0x7fffffff) > 0x7f800000) words[i] = CANONICAL_NAN;
  return tensor;
}

/** Place of the first byte that is not as canonical bytes have it: in a NaN other than 0x7fc00000, or a bool other than 0 and 1. −1 if there is none. */
export function firstNonCanonicalByte({ dtype, data }: Tensor): number {
  if (dtype === 'bool') return data.findIndex((byte) => byte > 1);
  if (dtype !== 'float32') return -1;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  for (let at = 0; at < data.length; at += 4) {
    const bits = view.getUint32(at, true);
    if ((bits & 0x7fffffff) > 0x7f800000 && bits !== CANONICAL_NAN) return data.findIndex((byte, i) => i >= at && byte !== ((CANONICAL_NAN >>> (8 * (i - at))) & 0xff));
  }
  return -1;
}

/**
 * One element as an unsigned 64-bit word, zero-extended: float32 as its bits, integers in two's complement
 * of their own width. This is the form in which steps, traces and the contract handle every value.
 */
export function elementWord(tensor: Tensor, index: number): bigint {
  const size = DTYPES[tensor.dtype].size;
  const view = new DataView(tensor.data.buffer, tensor.data.byteOffset, tensor.data.length);
  switch (size) {
    case 1:
      return BigInt(view.getUint8(index));
    case 4:
      return BigInt(view.getUint32(index * 4, true));
    case 8:
      return view.getBigUint64(index * 8, true);
  }
}
