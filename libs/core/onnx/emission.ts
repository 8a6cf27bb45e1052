import type { Root, Tensor } from '#core/hashing';
import type { OperandRef } from '#core/numerics';
import type { CanonicalGraph, NumberedNode } from './numbering.js';
import { writeModel, type NamedHeader, type OnnxFile, type WrittenNode } from './proto/write.js';

/** Metadata key under which a canonical file names its profile. */
export const PROFILE_KEY = 'assay.profile';

const IR_VERSION = 8;
/** Last operator set in which ReduceMax takes its axes as an attribute. */
const OPSET = 17;

/** Names of a canonical file's own tensors start with one of these; inputs and outputs keep the names of the source. */
export const RESERVED_NAME = /^[%$#]/;

export const initializerName = (index: number): string => `$${index}`;

/** Name of value i in the file: the output's where it is one. */
export function tensorNames(graph: CanonicalGraph): string[] {
  const names = graph.nodes.map((_, i) => `%${i}`);
  for (const { name, value } of graph.outputs) names[value] = name;
  return names;
}

/** Readable names of the values, for messages: operator and number. */
export function valueNames(graph: CanonicalGraph): string[] {
  return graph.nodes.map((node, i) => `${node.operator}_${i}`);
}

export interface EmissionParts {
  readonly profile: Root;
  /** Values made by the file's nodes: all from this one on. */
  readonly firstNode?: number;
  /** Instead of the model's inputs. */
  readonly inputs?: readonly NamedHeader[];
  /** Values to give out instead of the model's outputs. */
  readonly outputs?: readonly number[];
  /** Instead of the model's initializers. */
  readonly initializers?: readonly Tensor[];
}

/** The ONNX file of a canonical graph, or of a part of it. Equal arguments give equal bytes. */
export function emitOnnx(graph: CanonicalGraph, parts: EmissionParts): Uint8Array {
  const names = tensorNames(graph);
  const first = parts.firstNode ?? 0;
  const nodes = graph.nodes.slice(first);
  const read = new Set(nodes.flatMap((node) => node.operands.filter(({ kind }) => kind === 'initializer').map(({ index }) => index)));
  const constants = new Map(nodes.flatMap((node, i) => node.onnx.shapeInputs.map((tensor, j) => [shapeName(first + i, j), tensor] as const)));
  return writeFile(graph, parts, { nodes: nodes.map((node, i) => writtenNode(node, { graph, names, index: first + i })), read, constants });
}

/** What all files have in common. */
export function shell(profile: Root): Pick<OnnxFile, 'irVersion' | 'opset' | 'producer' | 'metadata' | 'graphName'> {
  return { irVersion: IR_VERSION, opset: OPSET, producer: 'assay', metadata: [[PROFILE_KEY, profile]], graphName: 'canonical' };
}

/** What computes a graph's values in a file. */
export interface FileBody {
  readonly nodes: readonly WrittenNode[];
  /** Initializers of the graph that the nodes read. */
  readonly read: ReadonlySet<number>;
  /** Further ones, by name. */
  readonly constants: ReadonlyMap<string, Tensor>;
}

/** A file with a graph's inputs and outputs, or those of a part of it, around the nodes that make the one from the other. */
export function writeFile(graph: CanonicalGraph, parts: EmissionParts, { nodes, read, constants }: FileBody): Uint8Array {
  const names = tensorNames(graph);
  const outputs = parts.outputs ?? graph.outputs.map(({ value }) => value);
  const weights = (parts.initializers ?? graph.initializers).flatMap((tensor, i) => (read.has(i) ? [{ ...tensor, name: initializerName(i) }] : []));
  const file: OnnxFile = {
    ...shell(parts.profile),
    otherDomains: [...new Set(nodes.flatMap(({ domain }) => domain ?? []))].sort(),
    nodes,
    initializers: [...weights, ...[...constants].map(([name, tensor]) => ({ ...tensor, name }))],
    inputs: parts.inputs ?? graph.inputs,
    outputs: outputs.map((value) => ({ name: names[value]!, ...graph.nodes[value]!.output })),
  };
  return writeModel(file);
}

/** Name of an input that only restates a shape or an attribute. */
export function shapeName(node: number, input: number): string {
  return `#${node}.${input}`;
}

function writtenNode(node: NumberedNode, { graph, names, index }: { graph: CanonicalGraph; names: readonly string[]; index: number }): WrittenNode {
  const operandName = (ref: OperandRef): string => {
    if (ref.kind === 'input') return graph.inputs[ref.index]!.name;
    return ref.kind === 'initializer' ? initializerName(ref.index) : names[ref.index]!;
  };
  return {
    name: `${node.operator}_${index}`,
    opType: node.onnx.opType,
    ...(node.onnx.domain && { domain: node.onnx.domain }),
    inputs: [...node.operands.map(operandName), ...node.onnx.shapeInputs.map((_, j) => shapeName(index, j))],
    output: names[index]!,
    attributes: node.onnx.attributes,
  };
}
