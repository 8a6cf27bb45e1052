import { numberToHex } from 'viem';
import { depthFor, elementWord, encodeHeader, listTree, mixInLength, MerkleTree, tensorRoot, tensorTree, DTYPES, type Root, type Tensor } from '#core/hashing';
import { encodeDescriptor, operatorByCode, type OperandElement, type OperandKind, type StepAt } from '#core/numerics';
import type { Case } from './case.js';

/** Arguments of IStepVerifier.judge. */
export type JudgeArguments = readonly [descriptor: Root, roots: Roots, step: StepArgument, openings: readonly Opening[]];

interface Roots {
  readonly traceRoot: Root;
  readonly valueCount: number;
  readonly inputRoot: Root;
  readonly weightsRoot: Root;
}

interface StepArgument {
  readonly element: bigint;
  readonly stepCount: bigint;
  readonly index: bigint;
  readonly state: bigint;
}

interface Opening {
  readonly chunk: Root;
  readonly listLength: number;
  readonly siblings: readonly Root[];
}

/** Room for the indices that makeCase gives out, and one more leaf so that trees are padded. */
const roomFor = (c: Case): number => 2 * c.tensors.length + 1;

/** A trace, an inputs list and a weights list in which the case's operands lie where its descriptor says; other leaves are made up. */
export class Witness {
  private readonly trees: Record<OperandKind, MerkleTree>;
  private readonly dataTrees: readonly MerkleTree[];

  constructor(private readonly subject: Case) {
    this.dataTrees = subject.tensors.map(tensorTree);
    this.trees = { input: this.treeOf('input'), initializer: this.treeOf('initializer'), value: this.treeOf('value') };
  }

  get roots(): Roots {
    const count = roomFor(this.subject);
    return {
      traceRoot: this.trees.value.root,
      valueCount: count,
      inputRoot: mixInLength(this.trees.input.root, count),
      weightsRoot: mixInLength(this.trees.initializer.root, count),
    };
  }

  judgeArguments(at: StepAt, state: bigint): JudgeArguments {
    const { descriptor } = this.subject;
    const operator = operatorByCode(descriptor.op);
    const step = { element: BigInt(at.element), stepCount: BigInt(operator.steps(descriptor)), index: BigInt(at.step), state };
    return [encodeDescriptor(descriptor), this.roots, step, operator.operands(descriptor, at, state).map((read) => this.open(read))];
  }

  private treeOf(kind: OperandKind): MerkleTree {
    const leaves = Array.from({ length: roomFor(this.subject) }, (_, i) => numberToHex(i + 1, { size: 32 }));
    this.subject.descriptor.operands.forEach((operand, slot) => {
      if (operand.kind === kind) leaves[operand.index] = tensorRoot(this.subject.tensors[slot]!);
    });
    return listTree(leaves);
  }

  private open({ slot, element }: OperandElement): Opening {
    const { kind, index } = this.subject.descriptor.operands[slot]!;
    const tensor = this.subject.tensors[slot]!;
    const data = this.dataTrees[slot]!;
    const chunk = Math.floor(element / (32 / DTYPES[tensor.dtype].size));
    return { chunk: data.node(0, chunk), listLength: roomFor(this.subject), siblings: [...data.siblings(chunk), ...this.trees[kind].siblings(index)] };
  }
}
