import { MAX_RANK } from '#core/hashing';
import { AssayError } from '#core/protocol';
import { copy } from './canonical/movement.js';
import { PROFILE_KEY, RESERVED_NAME } from './emission.js';
import { GraphBuilder, NO_FACTS, unsupported, type InputValue, type NodeValue, type Value } from './graph.js';
import { checkLimit } from './limits.js';
import { LOWERINGS } from './lowering/index.js';
import { NodeView } from './lowering/node.js';
import type { LoweredGraph } from './numbering.js';
import { outside } from './outside.js';
import { integerForms } from './quantization.js';
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxValueInfo } from './proto/model.js';
import { decodeTensor, dtypeOf, unsupportedType, type Decoding } from './proto/tensor.js';

/** How many bytes of constants may be made for each byte that the file holds, besides what any file may make. */
const FOLDED_PER_BYTE = 3;

const OPSETS = { first: 7, last: 24 } as const;

export interface ImportOptions extends Decoding {
  readonly dims: Readonly<Record<string, number>>;
  /** Called after each node of the source, with how many are done and how many there are. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Lowers a source model to canonical nodes. @throws AssayError MODEL_* naming node, operator and reason. */
export function importModel(model: OnnxModel, options: ImportOptions): LoweredGraph {
  if (model.opset < OPSETS.first || model.opset > OPSETS.last) {
    throw new AssayError({ code: 'MODEL_OPERATOR_UNSUPPORTED', message: `The model uses operator set ${model.opset}, ${OPSETS.first} to ${OPSETS.last} are supported.`, facts: { opset: model.opset, ...OPSETS } });
  }
  return new Import(model, options).run();
}

class Import {
  private readonly builder: GraphBuilder;
  private readonly source: OnnxGraph;
  private readonly values = new Map<string, Value>();
  private readonly lowered: Record<string, string[]> = {};

  constructor(private readonly model: OnnxModel, private readonly options: ImportOptions) {
    this.builder = new GraphBuilder(options.limits);
    this.source = model.graph;
  }

  run(): LoweredGraph {
    const inputs = bindInputs(this.model, this.options);
    for (const input of inputs) this.define(input.name, input);
    const nodes = this.nodes();
    for (const [i, node] of nodes.entries()) {
      this.lower(node);
      this.options.onProgress?.(i + 1, nodes.length);
    }
    return { inputs: inputs.map(({ name, dtype, dims }) => ({ name, dtype, dims })), outputs: this.outputs(), nodes: this.builder.nodes, lowered: this.lowered };
  }

  /** What the outputs need. A canonical file has its integer operators, and stays as it is. */
  private nodes(): OnnxNode[] {
    const needed = neededNodes(this.source);
    if (this.model.metadata.has(PROFILE_KEY)) return needed;
    return neededNodes({ ...this.source, nodes: integerForms({ ...this.source, nodes: needed }, this.options) });
  }

  private define(name: string, value: Value): void {
    if (this.values.has(name)) throw invalidGraph(`The name ${name} is defined twice.`, { name });
    this.values.set(name, value);
  }

  private resolve(name: string, user: string): Value {
    const known = this.values.get(name);
    if (known) return known;
    const initializer = this.source.initializers.get(name);
    if (!initializer) throw invalidGraph(`${user} uses ${name}, which nothing before it makes.`, { name, user });
    const value = this.builder.constant(decodeTensor(initializer, this.options));
    this.builder.reserve(-FOLDED_PER_BYTE * value.tensor.data.length);
    this.values.set(name, value);
    return value;
  }

  private lower(node: OnnxNode): void {
    const lowering = LOWERINGS.get(node.domain === '' || node.domain === 'ai.onnx' ? node.opType : `${node.domain}.${node.opType}`);
    if (!lowering) throw refusal(node);
    const user = `Node ${node.name || node.opType}`;
    const inputs = node.inputs.map((name) => (name === '' ? undefined : this.resolve(name, user)));
    const view = new NodeView({ node, inputs, opset: this.model.opset, graph: this.builder, limits: this.options.limits });
    const before = this.builder.nodes.length;
    const outputs = refusing(node, () => lowering(view));
    view.refuseUnread();
    const made = this.builder.nodes.slice(before).map(({ operator }) => operator);
    if (made.length !== 1 || made[0] !== node.opType) this.lowered[node.opType] ??= made;
    // WHY: outputs a lowering does not give stay undefined; whoever uses one is told so by name.
    outputs.forEach((value, i) => node.outputs[i] && this.define(node.outputs[i], value));
  }

  private outputs(): { name: string; value: NodeValue }[] {
    if (this.source.outputs.length === 0) throw invalidGraph('The model has no outputs.', {});
    const taken = new Set<unknown>();
    const names = new Set(this.source.outputs.map(({ name }) => name));
    if (names.size !== this.source.outputs.length) throw invalidGraph('Two outputs have the same name.', { names: [...names] });
    return this.source.outputs.map(({ name }) => {
      refuseName(name);
      const value = this.resolve(name, 'The list of outputs');
      if (value.kind === 'constant') throw invalidGraph(`Output ${name} does not depend on the inputs.`, { name });
      if (value.kind === 'input' && this.source.inputs.some((input) => input.name === name)) throw invalidGraph(`${name} is an input and an output.`, { name });
      const own = value.kind === 'node' && !taken.has(value.node) ? value : (copy(this.builder, value) as NodeValue);
      taken.add(own.node);
      return { name, value: own };
    });
  }
}

function refusal(node: OnnxNode): AssayError {
  const { reason, remedy } = outside(node);
  return unsupported(node, reason, remedy);
}

/** Runs a lowering; a shape or descriptor that does not fit becomes a refusal that names the node. */
function refusing<T>(node: OnnxNode, lower: () => T): T {
  try {
    return lower();
  } catch (cause) {
    if (cause instanceof RangeError) throw unsupported(node, cause.message);
    throw cause;
  }
}

/** Nodes that the outputs need, in the file's order; refuses a name made twice. */
function neededNodes(graph: OnnxGraph): OnnxNode[] {
  const maker = new Map<string, OnnxNode>();
  for (const node of graph.nodes) {
    for (const name of node.outputs) {
      if (name === '') continue;
      if (maker.has(name) || graph.initializers.has(name)) throw invalidGraph(`The name ${name} is defined twice.`, { name });
      maker.set(name, node);
    }
  }
  const needed = new Set<OnnxNode>();
  const open = graph.outputs.flatMap(({ name }) => maker.get(name) ?? []);
  for (let node = open.pop(); node; node = open.pop()) {
    if (needed.has(node)) continue;
    needed.add(node);
    for (const name of node.inputs) {
      const before = maker.get(name);
      if (before && !needed.has(before)) open.push(before);
    }
  }
  return graph.nodes.filter((node) => needed.has(node));
}

function bindInputs({ graph, metadata }: OnnxModel, { dims, limits }: ImportOptions): (InputValue & { name: string })[] {
  const infos = graph.inputs.filter(({ name }) => !graph.initializers.has(name));
  checkLimit(limits, 'signature', infos.length);
  const unbound: string[] = [];
  const asked = new Set<string>();
  // Some exporters write 0 for a size they do not know; a canonical file means it.
  const least = metadata.has(PROFILE_KEY) ? 0n : 1n;
  const inputs = infos.map((info, index) => {
    refuseName(info.name);
    const dtype = dtypeOf(info.dataType);
    if (!dtype) throw unsupportedType(`Input ${info.name}`, info.dataType);
    return { kind: 'input' as const, index, name: info.name, dtype, dims: bindDims(info, { dims, unbound, asked, least }), facts: NO_FACTS, largest: Infinity };
  });
  if (unbound.length > 0) throw unboundDims(unbound);
  const unknown = Object.keys(dims).filter((name) => !asked.has(name));
  if (unknown.length > 0) throw new AssayError({ code: 'MODEL_DIMS_UNBOUND', message: `The model has no open dimension named ${unknown.join(', ')}.`, facts: { unknown, open: [...asked] }, remedy: 'Leave out the names that the model does not have; the facts list those it has.' });
  for (const input of inputs) checkLimit(limits, 'tensorBytes', input.dims.reduce((a, b) => a * b, 8));
  return inputs;
}

interface Binding {
  readonly dims: Readonly<Record<string, number>>;
  readonly unbound: string[];
  readonly asked: Set<string>;
  readonly least: bigint;
}

/** Names of the dimensions that the file leaves open, as --dim binds them. @throws AssayError MODEL_GRAPH_INVALID */
export function openDimensionsOf({ graph }: OnnxModel): string[] {
  const binding = { dims: {}, unbound: [], asked: new Set<string>(), least: 1n };
  for (const info of graph.inputs) if (!graph.initializers.has(info.name)) bindDims(info, binding);
  return binding.unbound;
}

/** Sizes of one input: as in the file, or bound by symbol, or by `input.axis` where the file gives no symbol. Empty caches have size 0. */
function bindDims(info: OnnxValueInfo, { dims, unbound, asked, least }: Binding): number[] {
  if (!info.dims) throw invalidGraph(`Input ${info.name} has no shape.`, { input: info.name });
  if (info.dims.length > MAX_RANK) throw invalidGraph(`Input ${info.name} has rank ${info.dims.length}, at most ${MAX_RANK} is supported.`, { input: info.name });
  return info.dims.map((dim, axis) => {
    if (typeof dim === 'bigint' && dim >= least) return Number(dim);
    const symbol = typeof dim === 'string' && dim !== '' ? dim : `${info.name}.${axis}`;
    asked.add(symbol);
    const size = Object.hasOwn(dims, symbol) ? dims[symbol] : undefined;
    if (size !== undefined && Number.isInteger(size) && size >= 0 && size < 2 ** 31) return size;
    if (!unbound.includes(symbol)) unbound.push(symbol);
    return 1;
  });
}

function unboundDims(unbound: readonly string[]): AssayError {
  return new AssayError({
    code: 'MODEL_DIMS_UNBOUND',
    message: `The model leaves ${unbound.length === 1 ? 'a dimension' : 'dimensions'} open: ${unbound.join(', ')}.`,
    facts: { dimensions: unbound },
    remedy: `Bind with ${unbound.map((name) => `--dim ${name}=1`).join(' ')} (or other sizes).`,
  });
}

function refuseName(name: string): void {
  if (name === '' || RESERVED_NAME.test(name)) throw invalidGraph(`An input or output has the name ${JSON.stringify(name)}; names must not be empty or start with %, $ or #.`, { name });
}

function invalidGraph(message: string, facts: Record<string, unknown>): AssayError {
  return new AssayError({ code: 'MODEL_GRAPH_INVALID', message, facts });
}
