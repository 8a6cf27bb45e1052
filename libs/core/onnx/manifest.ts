import { concatHex, sha256, stringToBytes } from 'viem';
import { listRoot, mixInLength, MerkleTree, tensorRoot, type Root } from '#core/hashing';
import { descriptorLeaf, operatorByName, OUTPUTS_CODE, type Descriptor } from '#core/numerics';
import type { CanonicalGraph } from './numbering.js';
import { canonicalJson, type Profile } from './profile.js';
import type { NamedHeader } from './proto/write.js';

export interface Signature {
  readonly inputs: readonly NamedHeader[];
  readonly outputs: readonly NamedHeader[];
}

/** Everything a model id commits to. See docs/protocol.md section 2. */
export interface ModelManifest {
  readonly modelId: Root;
  readonly graphRoot: Root;
  /** Merkle root over the descriptors' leaves, without the length. */
  readonly graphTree: Root;
  /** Descriptors, the outputs entry included. */
  readonly valueCount: number;
  readonly weightsRoot: Root;
  readonly initializerCount: number;
  readonly signature: Signature;
  readonly signatureRoot: Root;
  /** Profile id. */
  readonly profile: Root;
  /** One per value in trace order; the last is the outputs entry. */
  readonly descriptors: readonly Descriptor[];
}

/** Preimage of the model id, as the contract's struct Model. */
export interface ModelPreimage {
  readonly graphTree: Root;
  readonly valueCount: number;
  readonly weightsRoot: Root;
  readonly signatureRoot: Root;
  readonly profile: Root;
}

export function manifestOf(graph: CanonicalGraph, profile: Profile): ModelManifest {
  const descriptors = [...graph.nodes.map(descriptorOf), outputsEntry(graph)];
  const graphTree = MerkleTree.of(descriptors.map(descriptorLeaf)).root;
  const graphRoot = mixInLength(graphTree, descriptors.length);
  const weightsRoot = listRoot(graph.initializers.map(tensorRoot));
  const signature = signatureOf(graph);
  const signatureRoot = sha256(stringToBytes(canonicalJson(signature)));
  return {
    modelId: sha256(concatHex([graphRoot, weightsRoot, signatureRoot, profile.id])),
    graphRoot,
    graphTree,
    valueCount: descriptors.length,
    weightsRoot,
    initializerCount: graph.initializers.length,
    signature,
    signatureRoot,
    profile: profile.id,
    descriptors,
  };
}

export function modelPreimage({ graphTree, valueCount, weightsRoot, signatureRoot, profile }: ModelManifest): ModelPreimage {
  return { graphTree, valueCount, weightsRoot, signatureRoot, profile };
}

/** The tree in which descriptors are opened. */
export function graphTreeOf(manifest: ModelManifest): MerkleTree {
  return MerkleTree.of(manifest.descriptors.map(descriptorLeaf));
}

function descriptorOf(node: CanonicalGraph['nodes'][number]): Descriptor {
  const { operands, attributes, output } = node;
  return { op: operatorByName(node.operator).code, outputIndex: 0, output, operands, attributes };
}

/** The last entry: its leaf in the trace is the output root, 32 bytes. */
function outputsEntry(graph: CanonicalGraph): Descriptor {
  const operands = graph.outputs.map(({ value }) => ({ kind: 'value' as const, index: value, ...graph.nodes[value]!.output }));
  return { op: OUTPUTS_CODE, outputIndex: 0, output: { dtype: 'uint8', dims: [32] }, operands, attributes: [] };
}

function signatureOf(graph: CanonicalGraph): Signature {
  const named = (name: string, { dtype, dims }: Omit<NamedHeader, 'name'>): NamedHeader => ({ name, dtype, dims });
  return {
    inputs: graph.inputs.map((input) => named(input.name, input)),
    outputs: graph.outputs.map(({ name, value }) => named(name, graph.nodes[value]!.output)),
  };
}
