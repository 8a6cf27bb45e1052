import { hashInto } from '@chainsafe/hashtree';
import { numberToHex } from 'viem';
import { rootBytes, toRoot, type Root } from './bytes.js';

const NODE = 32;

/** SHA-256 of the 64-byte concatenation of two 32-byte nodes. */
export function hashPair(left: Uint8Array, right: Uint8Array): Uint8Array {
  const input = new Uint8Array(2 * NODE);
  input.set(left, 0);
  input.set(right, NODE);
  const output = new Uint8Array(NODE);
  hashInto(input, output);
  return output;
}

/** Roots of all-zero subtrees, by height; index 0 is the zero leaf. Heights above 48 cannot occur (MAX_TENSOR_BYTES). */
const ZERO_NODES: readonly Uint8Array[] = (() => {
  const nodes: Uint8Array[] = [new Uint8Array(NODE)];
  while (nodes.length <= 48) nodes.push(hashPair(nodes.at(-1)!, nodes.at(-1)!));
  return nodes;
})();

/** Height of the smallest perfect binary tree with at least `leafCount` leaves; 0 for one leaf. */
export function depthFor(leafCount: number): number {
  let depth = 0;
  while (2 ** depth < leafCount) depth++;
  return depth;
}

/**
 * Binary SHA-256 Merkle tree over 32-byte leaves, padded on the right with zero leaves to a power of two
 * (SSZ `merkleize`, Ethereum consensus specs, ssz/simple-serialize.md).
 * Level 0 holds the leaves, level `depth` the root. Only nodes that are not all padding are stored.
 */
export class MerkleTree {
  readonly depth: number;
  private readonly levels: Uint8Array[];

  /** @param leaves leafCount × 32 bytes; kept, not copied. At least one leaf. */
  constructor(leaves: Uint8Array) {
    if (leaves.length === 0 || leaves.length % NODE !== 0) throw new RangeError(`leaves: ${leaves.length} bytes are not a positive multiple of 32`);
    this.depth = depthFor(leaves.length / NODE);
    this.levels = [leaves];
    for (let level = 0; level < this.depth; level++) this.levels.push(parents(this.levels[level]!, level));
  }

  static of(leaves: readonly Root[]): MerkleTree {
    const bytes = new Uint8Array(leaves.length * NODE);
    leaves.forEach((leaf, i) => bytes.set(rootBytes(leaf), i * NODE));
    return new MerkleTree(bytes);
  }

  get root(): Root {
    return this.node(this.depth, 0);
  }

  /** The node at `level` and `index` (0 ≤ index < 2^(depth−level)); padding gives the zero node of that level. */
  node(level: number, index: number): Root {
    const nodes = this.levels[level];
    if (!nodes || index < 0 || index >= 2 ** (this.depth - level)) throw new RangeError(`no node ${index} at level ${level} of a tree of depth ${this.depth}`);
    const at = index * NODE;
    return toRoot(at < nodes.length ? nodes.subarray(at, at + NODE) : ZERO_NODES[level]!);
  }

  /** The 2^down descendants, `down` levels below node (level, index), left to right. */
  descendants(level: number, index: number, down: number): Root[] {
    return Array.from({ length: 2 ** down }, (_, i) => this.node(level - down, index * 2 ** down + i));
  }

  /** Siblings from node (fromLevel, index) up to, not including, level `toLevel`; lowest first. */
  siblings(index: number, fromLevel = 0, toLevel = this.depth): Root[] {
    const path: Root[] = [];
    for (let level = fromLevel; level < toLevel; level++) {
      path.push(this.node(level, index % 2 === 0 ? index + 1 : index - 1));
      index = Math.floor(index / 2);
    }
    return path;
  }
}

function parents(nodes: Uint8Array, level: number): Uint8Array {
  const count = nodes.length / NODE;
  const even = count + (count % 2);
  let input = nodes;
  if (even !== count) {
    input = new Uint8Array(even * NODE);
    input.set(nodes);
    input.set(ZERO_NODES[level]!, count * NODE);
  }
  const output = new Uint8Array((even / 2) * NODE);
  hashInto(input, output);
  return output;
}

/** Folds a leaf or inner node with its siblings (lowest first) up to the root. */
export function rootFromSiblings(node: Root, index: number, siblings: readonly Root[]): Root {
  let current = rootBytes(node);
  for (const sibling of siblings) {
    const other = rootBytes(sibling);
    current = index % 2 === 0 ? hashPair(current, other) : hashPair(other, current);
    index = Math.floor(index / 2);
  }
  return toRoot(current);
}

/** A length as a 32-byte big-endian word. */
export function lengthWord(length: number): Root {
  return numberToHex(length, { size: 32 });
}

/** Root of a list: sha256(merkle root of the items ‖ length). An empty list has one zero leaf. */
export function listRoot(items: readonly Root[]): Root {
  return mixInLength(listTree(items).root, items.length);
}

export function listTree(items: readonly Root[]): MerkleTree {
  return items.length === 0 ? new MerkleTree(new Uint8Array(NODE)) : MerkleTree.of(items);
}

export function mixInLength(merkleRoot: Root, length: number): Root {
  return toRoot(hashPair(rootBytes(merkleRoot), rootBytes(lengthWord(length))));
}
