import { bindHeader, elementWord, encodeHeader, listTree, MerkleTree, tensorTree, type Root, type Tensor } from '#core/hashing';
import { descriptorLeaf, type Descriptor, type Operator } from '#core/numerics';
import { AssayError } from '#core/protocol';
import { chainOfStates } from './chain.js';
import type { TraceModel, TraceReader } from './reader.js';

export interface TraceParts {
  readonly model: TraceModel;
  readonly inputs: readonly Tensor[];
  readonly initializers: readonly Tensor[];
  /** Every value in trace order, without the outputs entry; NaNs canonical. */
  readonly values: readonly Tensor[];
  readonly outputRoot: Root;
  readonly operatorOf: (code: number) => Operator | undefined;
}

/** A run in memory. Trees are built at the first question and kept. */
export class Trace implements TraceReader {
  readonly model: TraceModel;
  readonly inputs: readonly Tensor[];
  readonly initializers: readonly Tensor[];
  readonly values: readonly Tensor[];
  readonly outputRoot: Root;
  private readonly trees = new Map<string, MerkleTree>();

  constructor(private readonly parts: TraceParts) {
    const { model, values } = parts;
    if (values.length !== model.valueCount - 1) throw broken(`${values.length} values for a model of ${model.valueCount - 1}`);
    this.model = model;
    this.inputs = parts.inputs;
    this.initializers = parts.initializers;
    this.values = values;
    this.outputRoot = parts.outputRoot;
  }

  operatorOf(code: number): Operator | undefined {
    return this.parts.operatorOf(code);
  }

  traceTree(): MerkleTree {
    return this.cached('trace', () => MerkleTree.of([...this.values.map((_, i) => bindHeader(this.valueTree(i).root, this.header(i))), this.outputRoot]));
  }

  header(value: number): Root {
    return encodeHeader(at(this.values, value));
  }

  valueTree(value: number): MerkleTree {
    return this.cached(`value ${value}`, () => tensorTree(at(this.values, value)));
  }

  inputTree(index: number): MerkleTree {
    return this.cached(`input ${index}`, () => tensorTree(at(this.inputs, index)));
  }

  initializerTree(index: number): MerkleTree {
    return this.cached(`initializer ${index}`, () => tensorTree(at(this.initializers, index)));
  }

  inputsTree(): MerkleTree {
    return this.cached('inputs', () => listTree(this.inputs.map((t, i) => bindHeader(this.inputTree(i).root, encodeHeader(t)))));
  }

  weightsTree(): MerkleTree {
    return this.cached('weights', () => listTree(this.initializers.map((t, i) => bindHeader(this.initializerTree(i).root, encodeHeader(t)))));
  }

  graphTree(): MerkleTree {
    return this.cached('graph', () => MerkleTree.of(this.model.descriptors.map(descriptorLeaf)));
  }

  stepCount(value: number): bigint {
    const { descriptor, operator } = this.definition(value);
    return BigInt(operator.steps(descriptor));
  }

  statesOf(value: number, element: number): readonly bigint[] {
    const { descriptor, operator } = this.definition(value);
    return chainOfStates(operator, descriptor, { element, read: (slot, index) => this.operandWord(descriptor, slot, index) });
  }

  /** The word of one element of an operand. */
  protected operandWord(descriptor: Descriptor, slot: number, element: number): bigint {
    const { kind, index } = at(descriptor.operands, slot);
    const tensors = { input: this.inputs, initializer: this.initializers, value: this.values }[kind];
    return elementWord(at(tensors, index), element);
  }

  protected definition(value: number): { descriptor: Descriptor; operator: Operator } {
    const descriptor = at(this.model.descriptors, value);
    const operator = this.operatorOf(descriptor.op);
    if (!operator) throw broken(`no operator ${descriptor.op} for value ${value}`);
    return { descriptor, operator };
  }

  private cached(key: string, build: () => MerkleTree): MerkleTree {
    let tree = this.trees.get(key);
    if (!tree) this.trees.set(key, (tree = build()));
    return tree;
  }
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw broken(`no item ${index} of ${items.length}`);
  return item;
}

function broken(message: string): AssayError {
  return new AssayError({ code: 'INVARIANT_BROKEN', message: `Trace: ${message}` });
}
