import { byteLength, DTYPES, elementCount, elementWord, MAX_RANK, type Tensor, type TensorHeader } from '#core/hashing';
import { evaluateElement, operatorByName, type Descriptor } from '#core/numerics';
import { AssayError } from '#core/protocol';
import { largestOf } from './canonical/magnitude.js';
import { copied } from './folding.js';
import { checkLimit, type ModelLimits } from './limits.js';
import type { WrittenAttribute } from './proto/write.js';

/**
 * What holds for every element of a value, whatever the inputs. Some kernels treat NaN and −0 differently from lane
 * to lane; the compiler keeps both away from them, by these facts where it can.
 */
export interface Facts {
  /** ≥ +0 or NaN: neither negative nor −0. */
  readonly nonNegative: boolean;
  readonly neverNegativeZero: boolean;
  readonly neverNaN: boolean;
  readonly neverMinusInfinity: boolean;
}

export const NO_FACTS: Facts = { nonNegative: false, neverNegativeZero: false, neverNaN: false, neverMinusInfinity: false };
export const ALL_FACTS: Facts = { nonNegative: true, neverNegativeZero: true, neverNaN: true, neverMinusInfinity: true };

/** A tensor of the graph being built. */
export type Value = InputValue | ConstantValue | NodeValue;

interface ValueBase extends TensorHeader {
  readonly facts: Facts;
  /** No float32 element is larger in magnitude; Infinity where there may be infinities or NaN. */
  readonly largest: number;
}

export interface InputValue extends ValueBase {
  readonly kind: 'input';
  readonly index: number;
}

export interface ConstantValue extends ValueBase {
  readonly kind: 'constant';
  readonly tensor: Tensor;
}

export interface NodeValue extends ValueBase {
  readonly kind: 'node';
  readonly node: CanonicalNode;
}

/** One node of the canonical graph: a descriptor in the making and the ONNX node that ONNX Runtime runs for it. */
export interface CanonicalNode {
  /** Name in the numerics registry. */
  readonly operator: string;
  readonly operands: readonly Value[];
  /** As the operator defines them, for the descriptor. */
  readonly attributes: readonly bigint[];
  readonly output: TensorHeader;
  readonly onnx: OnnxForm;
}

export interface OnnxForm {
  readonly opType: string;
  /** Left out for ONNX's own operators. */
  readonly domain?: string;
  /** Sorted by name. */
  readonly attributes: readonly WrittenAttribute[];
  /** Inputs that ONNX wants after the operands but that only restate the output's shape or an attribute. */
  readonly shapeInputs: readonly Tensor[];
}

/**
 * Collects canonical nodes in topological order, folding those whose operands are all constant.
 * INVARIANT: every node kept depends on an input, so a canonical file has nothing left to fold.
 */
export class GraphBuilder {
  readonly nodes: CanonicalNode[] = [];
  private readonly shared = new Map<Tensor | undefined, Map<string, ConstantValue>>();
  private traceBytes = 0;
  private foldSteps = 0;
  private foldBytes = 0;

  constructor(private readonly limits: ModelLimits) {}

  constant(tensor: Tensor): ConstantValue {
    return { kind: 'constant', dtype: tensor.dtype, dims: tensor.dims, tensor, ...knownOf(tensor) };
  }

  /** A constant that several lowered nodes may use; one initializer per key, and per tensor that it is made `of`. */
  sharedConstant(key: string, make: () => Tensor, of?: Tensor): ConstantValue {
    const shared = this.shared.get(of) ?? new Map<string, ConstantValue>();
    this.shared.set(of, shared);
    const known = shared.get(key) ?? this.constant(make());
    shared.set(key, known);
    return known;
  }

  /**
   * Adds a node and returns its value.
   * @throws AssayError MODEL_TOO_LARGE; RangeError if the operator finds that the parts do not fit together.
   */
  add(node: CanonicalNode, facts: Facts = NO_FACTS): Value {
    const constant = node.operands.every(({ kind }) => kind === 'constant');
    this.checkOutput(node.output, constant);
    const descriptor = probe(node);
    operatorByName(node.operator).check(descriptor);
    if (constant) return this.constant(this.fold(node, descriptor));
    this.traceBytes += byteLength(node.output);
    checkLimit(this.limits, 'traceBytes', this.traceBytes);
    this.nodes.push(node);
    checkLimit(this.limits, 'nodes', this.nodes.length);
    const largest = largestOf(node);
    const known = largest < Infinity ? { ...facts, neverNaN: true, neverMinusInfinity: true } : facts;
    return { kind: 'node', dtype: node.output.dtype, dims: node.output.dims, node, facts: known, largest };
  }

  private fold(node: CanonicalNode, descriptor: Descriptor): Tensor {
    const tensors = node.operands.map((operand) => (operand as ConstantValue).tensor);
    if (node.operator === 'Reshape') return { ...node.output, data: tensors[0]!.data };
    this.reserve(byteLength(node.output));
    const copy = copied(descriptor, tensors);
    if (copy) return copy;
    this.foldSteps += elementCount(node.output.dims) * operatorByName(node.operator).steps(descriptor);
    checkLimit(this.limits, 'foldSteps', this.foldSteps);
    return evaluate(descriptor, tensors);
  }

  /** Counts bytes of a constant that is about to be made; a negative number makes room. @throws AssayError MODEL_TOO_LARGE if all of them are too many. */
  reserve(bytes: number): void {
    this.foldBytes += bytes;
    checkLimit(this.limits, 'foldBytes', this.foldBytes);
  }

  /** Constants may be empty: exported shape computations join and cut such. */
  private checkOutput(header: TensorHeader, constant: boolean): void {
    if (header.dims.some((size) => !Number.isInteger(size) || size < 0 || size >= 2 ** 32)) throw new RangeError(`its output would have the impossible shape [${header.dims}]`);
    if (header.dims.length > MAX_RANK) throw new RangeError(`its output has rank ${header.dims.length}, at most ${MAX_RANK} is supported`);
    checkLimit(this.limits, 'tensorBytes', elementCount(header.dims) * DTYPES[header.dtype].size);
    if (elementCount(header.dims) === 0 && !constant) throw new RangeError('its output is empty');
  }
}

/** The node's descriptor with operands numbered as they stand, for checks and folding before the graph is numbered. */
function probe(node: CanonicalNode): Descriptor {
  const operands = node.operands.map(({ dtype, dims }, index) => ({ kind: 'initializer' as const, index, dtype, dims }));
  return { op: operatorByName(node.operator).code, outputIndex: 0, output: node.output, operands, attributes: node.attributes };
}

/** The whole output by the numerics reference: constants mean at registration what they would mean in a run. */
function evaluate(descriptor: Descriptor, tensors: readonly Tensor[]): Tensor {
  const { dtype, dims } = descriptor.output;
  const data = new Uint8Array(byteLength(descriptor.output));
  const view = new DataView(data.buffer);
  const read = (slot: number, element: number): bigint => elementWord(tensors[slot]!, element);
  for (let index = 0; index < elementCount(dims); index++) {
    writeWord(view, { index, size: DTYPES[dtype].size, word: evaluateElement(descriptor, index, read) });
  }
  return { dtype, dims, data };
}

function writeWord(view: DataView, { index, size, word }: { index: number; size: 1 | 4 | 8; word: bigint }): void {
  if (size === 1) view.setUint8(index, Number(word));
  else if (size === 4) view.setUint32(4 * index, Number(word), true);
  else view.setBigUint64(8 * index, word, true);
}

function knownOf(tensor: Tensor): Pick<ValueBase, 'facts' | 'largest'> {
  if (tensor.dtype !== 'float32') return { facts: NO_FACTS, largest: Infinity };
  const view = new DataView(tensor.data.buffer, tensor.data.byteOffset, tensor.data.length);
  let [nonNegative, neverNegativeZero, neverMinusInfinity, largestBits] = [true, true, true, 0];
  for (let at = 0; at < tensor.data.length; at += 4) {
    const bits = view.getUint32(at, true);
    if (bits >= 0x80000000) nonNegative = false;
    if (bits === 0x80000000) neverNegativeZero = false;
    if (bits === 0xff800000) neverMinusInfinity = false;
    if (bits % 0x80000000 > largestBits) largestBits = bits % 0x80000000;
  }
  const largest = largestBits < 0x7f800000 ? new Float32Array(Uint32Array.of(largestBits).buffer)[0]! : Infinity;
  return { facts: { nonNegative, neverNegativeZero, neverNaN: largestBits <= 0x7f800000, neverMinusInfinity }, largest };
}

/** True if every element is finite and above zero. */
export function isPositiveConstant(value: Value): boolean {
  if (value.kind !== 'constant' || value.dtype !== 'float32') return false;
  const view = new DataView(value.tensor.data.buffer, value.tensor.data.byteOffset, value.tensor.data.length);
  for (let at = 0; at < value.tensor.data.length; at += 4) {
    const bits = view.getUint32(at, true);
    if (bits === 0 || bits >= 0x7f800000) return false;
  }
  return true;
}

/** True if no element is infinite or NaN. */
export function isFiniteConstant(value: Value): boolean {
  if (value.kind !== 'constant' || value.dtype !== 'float32') return false;
  const view = new DataView(value.tensor.data.buffer, value.tensor.data.byteOffset, value.tensor.data.length);
  for (let at = 0; at < value.tensor.data.length; at += 4) if (view.getUint32(at, true) % 0x80000000 >= 0x7f800000) return false;
  return true;
}

/** Throws MODEL_OPERATOR_UNSUPPORTED for a node of the source model. */
export function unsupported(node: { name: string; opType: string; domain: string }, reason: string, remedy?: string): AssayError {
  const label = node.name === '' ? 'A node' : `Node ${node.name}`;
  const operator = node.domain === '' || node.domain === 'ai.onnx' ? node.opType : `${node.domain}.${node.opType}`;
  return new AssayError({
    code: 'MODEL_OPERATOR_UNSUPPORTED',
    message: `${label} (${operator}) is not supported: ${reason}.`,
    facts: { node: node.name, operator, reason },
    ...(remedy && { remedy }),
  });
}
