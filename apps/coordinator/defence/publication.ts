import type { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import type { Root } from '#core/hashing';

/** Leaves that Requests.publish takes at once: 2^7. */
const PART_LEVELS = 7;

/** One part of a batch's publication: the leaves under one node of its tree. */
export interface Part {
  readonly node: Root;
  /** Indices of the leaves' values in the tree, in ascending order of their hashes. */
  readonly values: readonly number[];
  /** From the node up to the root. */
  readonly siblings: readonly Root[];
}

/** The parts in which Requests.publish takes a batch, in the order in which it takes them. */
export function partsOf(tree: StandardMerkleTree<[Root]>): Part[] {
  const { tree: nodes, values } = tree.dump();
  const levels = Math.max(0, Math.ceil(Math.log2(values.length)) - PART_LEVELS);
  const parts = Array.from({ length: 2 ** levels }, (_, i) => 2 ** levels - 1 + i);
  const under = new Map(parts.map((part) => [part, [] as { value: number; hash: string }[]]));
  values.forEach(({ treeIndex }, value) => under.get(ancestor(treeIndex, 2 ** (levels + 1) - 2))!.push({ value, hash: nodes[treeIndex]! }));
  return parts
    .map((part) => ({ node: nodes[part] as Root, values: under.get(part)!.sort(byHash).map(({ value }) => value), siblings: siblingsOf(part).map((index) => nodes[index] as Root) }))
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}

const byHash = (a: { hash: string }, b: { hash: string }): number => (a.hash < b.hash ? -1 : 1);
const parentOf = (index: number): number => Math.floor((index - 1) / 2);

/** The node above `index` that is not below `last`. */
function ancestor(index: number, last: number): number {
  return index <= last ? index : ancestor(parentOf(index), last);
}

function siblingsOf(index: number): number[] {
  return index === 0 ? [] : [index % 2 === 1 ? index + 1 : index - 1, ...siblingsOf(parentOf(index))];
}
