import { DTYPES, elementCount, type Tensor, type TensorHeader } from '#core/hashing';
import { unsupported, type GraphBuilder, type Value } from '../graph.js';
import { decodeTensor } from '../proto/tensor.js';
import type { OnnxAttribute, OnnxNode } from '../proto/model.js';
import { checkLimit, type ModelLimits } from '../limits.js';
import { ATTRIBUTE_TYPE } from '../proto/fields.js';

export interface LoweredNode {
  readonly node: OnnxNode;
  /** Version of the default operator set that the model uses. */
  readonly opset: number;
  readonly graph: GraphBuilder;
  readonly limits: ModelLimits;
  /** Values of the inputs; undefined where one is left out. */
  readonly inputs: readonly (Value | undefined)[];
}

/** Turns one source node into canonical nodes; gives the values of its outputs, trailing optional ones left out. */
export type Lowering = (view: NodeView) => readonly Value[];

/** A source node with its inputs resolved: typed access that refuses, by name, what it does not understand. */
export class NodeView {
  readonly graph: GraphBuilder;
  readonly opset: number;
  private readonly asked = new Set<string>();

  constructor(private readonly source: LoweredNode) {
    this.graph = source.graph;
    this.opset = source.opset;
  }

  get opType(): string {
    return this.source.node.opType;
  }

  get inputCount(): number {
    return this.source.inputs.length;
  }

  get outputCount(): number {
    return this.source.node.outputs.length;
  }

  refuse(reason: string, remedy?: string): never {
    throw unsupported(this.source.node, reason, remedy);
  }

  input(index: number): Value {
    return this.optionalInput(index) ?? this.refuse(`input ${index} is missing`);
  }

  optionalInput(index: number): Value | undefined {
    return this.source.inputs[index];
  }

  /** Input that must be float32: the arithmetic operators know no other type yet. */
  floatInput(index: number): Value {
    const value = this.input(index);
    if (value.dtype !== 'float32') this.refuse(`input ${index} is ${value.dtype}, only float32 is supported`);
    return value;
  }

  /** Entries of an integer input that must be constant. */
  constantInts(index: number): number[] | undefined {
    const value = this.optionalInput(index);
    if (!value) return undefined;
    if (value.kind !== 'constant') return this.refuse(`input ${index} depends on the model's inputs, it must be constant`);
    return integers(value.tensor) ?? this.refuse(`input ${index} is ${value.dtype}, int64 is expected`);
  }

  int(name: string, fallback: number): number {
    const value = this.attribute(name, ATTRIBUTE_TYPE.int)?.int;
    return value === undefined ? fallback : this.safe(name, value);
  }

  ints(name: string): number[] | undefined {
    return this.attribute(name, ATTRIBUTE_TYPE.ints)?.ints?.map((value) => this.safe(name, value));
  }

  float(name: string, fallback: number): number {
    return this.attribute(name, ATTRIBUTE_TYPE.float)?.float ?? fallback;
  }

  text(name: string, fallback: string): string {
    return this.attribute(name, ATTRIBUTE_TYPE.string)?.text ?? fallback;
  }

  texts(name: string): readonly string[] | undefined {
    return this.attribute(name, ATTRIBUTE_TYPE.strings)?.texts;
  }

  tensor(name: string): Tensor | undefined {
    const tensor = this.attribute(name, ATTRIBUTE_TYPE.tensor)?.tensor;
    return tensor && decodeTensor(tensor, { limits: this.source.limits });
  }

  floats(name: string): readonly number[] | undefined {
    return this.attribute(name, ATTRIBUTE_TYPE.floats)?.floats;
  }

  /** Refuses a constant above the limits before memory is spent on it. @throws AssayError MODEL_TOO_LARGE. */
  checkConstant({ dtype, dims }: TensorHeader): void {
    if (dims.some((size) => size < 0)) this.refuse(`shape [${dims}] is impossible`);
    const bytes = elementCount(dims) * DTYPES[dtype].size;
    checkLimit(this.source.limits, 'tensorBytes', bytes);
    this.graph.reserve(bytes);
  }

  /** Axis counted from the end if negative; refuses one outside the rank (`inclusive`: the rank itself is allowed). */
  axis(value: number, rank: number, { inclusive = false } = {}): number {
    const axis = value < 0 ? value + rank : value;
    if (axis < 0 || axis > rank || (axis === rank && !inclusive)) this.refuse(`axis ${value} is outside rank ${rank}`);
    return axis;
  }

  /** Refuses the node if it has an attribute that the lowering did not ask for: what is not understood is not guessed. */
  refuseUnread(): void {
    for (const name of this.source.node.attributes.keys()) if (!this.asked.has(name)) this.refuse(`attribute ${name} is not supported`);
  }

  private attribute(name: string, type: number): OnnxAttribute | undefined {
    this.asked.add(name);
    const attribute = this.source.node.attributes.get(name);
    if (attribute && attribute.type !== 0 && attribute.type !== type) this.refuse(`attribute ${name} has type ${attribute.type} instead of ${type}`);
    return attribute;
  }

  private safe(name: string, value: bigint): number {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : this.refuse(`attribute ${name} has the impossible value ${value}`);
  }
}

function integers(tensor: Tensor): number[] | undefined {
  const view = new DataView(tensor.data.buffer, tensor.data.byteOffset, tensor.data.length);
  if (tensor.dtype === 'int64') return Array.from({ length: tensor.data.length / 8 }, (_, i) => Number(view.getBigInt64(8 * i, true)));
  if (tensor.dtype === 'int32') return Array.from({ length: tensor.data.length / 4 }, (_, i) => view.getInt32(4 * i, true));
  return undefined;
}
