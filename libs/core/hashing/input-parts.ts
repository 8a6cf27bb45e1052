import type { Root } from './bytes.js';
import { listRoot, MerkleTree } from './merkle.js';
import { bindHeader, byteLength, chunkCount, decodeHeader, encodeHeader, tensorTree, type Tensor, type TensorHeader } from './tensor.js';

/** Chunks in one part of an input as Requests takes it: 2^11, 64 KiB. Each tensor begins a new part. */
const PART_LEVELS = 11;
const PART_BYTES = 32 * 2 ** PART_LEVELS;

/** A tensor by the two nodes whose hash is its root. */
export interface Bound {
  readonly dataRoot: Root;
  readonly header: Root;
}

export interface InputPart {
  readonly data: Uint8Array;
  /** From the part's node up to its tensor's data root. */
  readonly siblings: readonly Root[];
}

/** In how many parts tensors of these headers are published. */
export function inputPartCount(headers: readonly TensorHeader[]): number {
  return headers.reduce((sum, header) => sum + Math.ceil(chunkCount(header) / 2 ** PART_LEVELS), 0);
}

/** Everything Requests.publishInput takes of an input: what its root is made of, and its parts in order. */
export function inputParts(tensors: readonly Tensor[]): { tensors: Bound[]; parts: InputPart[] } {
  const trees = tensors.map((tensor) => ({ tensor, tree: tensorTree(tensor) }));
  return {
    tensors: trees.map(({ tensor, tree }) => ({ dataRoot: tree.root, header: encodeHeader(tensor) })),
    parts: trees.flatMap(({ tensor, tree }) => partsOf(tensor, tree)),
  };
}

function partsOf(tensor: Tensor, tree: MerkleTree): InputPart[] {
  const level = Math.min(PART_LEVELS, tree.depth);
  return Array.from({ length: inputPartCount([tensor]) }, (_, i) => ({ data: tensor.data.subarray(i * PART_BYTES, (i + 1) * PART_BYTES), siblings: tree.siblings(i, level) }));
}

/**
 * The tensors whose parts these are, or undefined if parts are missing.
 * @param parts the bytes of all parts, in order
 * @throws RangeError for a header that no tensor has
 */
export function joinInput(tensors: readonly Bound[], parts: readonly Uint8Array[]): Tensor[] | undefined {
  const headers = tensors.map(({ header }) => decodeHeader(header));
  if (parts.length !== inputPartCount(headers)) return undefined;
  let first = 0;
  return headers.map((header) => {
    const own = parts.slice(first, (first += inputPartCount([header])));
    const data = new Uint8Array(byteLength(header));
    own.reduce((at, part) => (data.set(part, at), at + part.length), 0);
    return { ...header, data };
  });
}

/** The root that a claim has for this input. */
export function boundRoot(tensors: readonly Bound[]): Root {
  return listRoot(tensors.map(({ dataRoot, header }) => bindHeader(dataRoot, header)));
}
