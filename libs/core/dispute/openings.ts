import { DTYPES, type MerkleTree } from '#core/hashing';
import type { OperandElement, OperandRef, StepAt } from '#core/numerics';
import type { TraceReader } from '#core/trace';
import type { KnownTrace } from './knowledge.js';
import type { Opening, OutputOpening } from './moves.js';

/** What operands are opened from: the own run, and the executor's trace tree as far as known. */
export interface Sources {
  readonly trace: TraceReader;
  readonly known: KnownTrace;
}

/** A micro-step and the state before it. */
export interface StepFrom extends StepAt {
  readonly state: bigint;
}

/** Opens the chunk of every operand element that a micro-step of a value reads. */
export function operandOpenings(sources: Sources, value: number, at: StepFrom): Opening[] {
  const descriptor = sources.trace.model.descriptors[value]!;
  const operator = sources.trace.operatorOf(descriptor.op);
  return (operator?.operands(descriptor, at, at.state) ?? []).map((operand) => opening(sources, descriptor.operands[operand.slot]!, operand));
}

function opening(sources: Sources, ref: OperandRef, { element }: OperandElement): Opening {
  const chunk = Math.floor(element / (32 / DTYPES[ref.dtype].size));
  const data = dataTree(sources.trace, ref);
  const { listLength, siblings } = listPath(sources, ref);
  return { chunk: data.node(0, chunk), listLength, siblings: [...data.siblings(chunk), ...siblings] };
}

/** Opens every output of the model where its operand says it is. */
export function outputOpenings(sources: Sources): OutputOpening[] {
  const { trace, known } = sources;
  return trace.model.descriptors.at(-1)!.operands.map((ref) => ({ root: itemRoot(sources, ref, known), ...listPath(sources, ref) }));
}

function itemRoot({ trace }: Sources, { kind, index }: OperandRef, known: KnownTrace) {
  if (kind === 'value') return known.node(0, index);
  return (kind === 'input' ? trace.inputsTree() : trace.weightsTree()).node(0, index);
}

function dataTree(trace: TraceReader, { kind, index }: OperandRef): MerkleTree {
  if (kind === 'value') return trace.valueTree(index);
  return kind === 'input' ? trace.inputTree(index) : trace.initializerTree(index);
}

function listPath({ trace, known }: Sources, { kind, index }: OperandRef): Pick<Opening, 'listLength' | 'siblings'> {
  if (kind === 'value') return { listLength: 0, siblings: known.siblings(index) };
  const [tree, items] = kind === 'input' ? [trace.inputsTree(), trace.inputs] : [trace.weightsTree(), trace.initializers];
  return { listLength: items.length, siblings: tree.siblings(index) };
}
