import type { MerkleTree, Root, Tensor } from '#core/hashing';
import type { Descriptor, Operator } from '#core/numerics';

/** Of a model's manifest what a dispute needs; ModelManifest of #core/onnx has all of it. */
export interface TraceModel {
  readonly modelId: Root;
  /** Merkle root over the descriptors' leaves, without the length. */
  readonly graphTree: Root;
  readonly valueCount: number;
  readonly weightsRoot: Root;
  readonly signatureRoot: Root;
  readonly profile: Root;
  /** One per trace leaf, the outputs entry last. */
  readonly descriptors: readonly Descriptor[];
}

/**
 * A run as the dispute game sees it: numbered values, each a Merkle tree, each element a chain of states.
 * A challenger reads its own honest run, an executor the run it has to defend, right or wrong.
 */
export interface TraceReader {
  readonly model: TraceModel;
  readonly inputs: readonly Tensor[];
  readonly initializers: readonly Tensor[];
  /** The claimed output root: leaf valueCount − 1. */
  readonly outputRoot: Root;
  /** Operators by code; undefined for a code outside the registry. */
  operatorOf(code: number): Operator | undefined;
  /** Tree over the values' tensor roots and the output root. */
  traceTree(): MerkleTree;
  /** Encoded header of a value. */
  header(value: number): Root;
  /** Tree over a value's data chunks. */
  valueTree(value: number): MerkleTree;
  inputTree(index: number): MerkleTree;
  initializerTree(index: number): MerkleTree;
  /** Tree over the input tensors' roots, without the length. */
  inputsTree(): MerkleTree;
  weightsTree(): MerkleTree;
  /** Tree over the descriptors' leaves. */
  graphTree(): MerkleTree;
  stepCount(value: number): bigint;
  /** The state after each micro-step of an element; as many as steps, the last one is the element's word. */
  statesOf(value: number, element: number): readonly bigint[];
}
