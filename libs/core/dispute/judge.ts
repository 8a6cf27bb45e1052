import { bindHeader, chunkCount, depthFor, DTYPES, elementCount, encodeHeader, mixInLength, rootFromSiblings, type Root } from '#core/hashing';
import type { Descriptor, OperandElement } from '#core/numerics';
import type { Game } from './game.js';
import { chunkWord } from './layout.js';
import type { Opening, Proof } from './moves.js';
import { require } from './refusal.js';
import type { Rules } from './setting.js';

/** The micro-step on trial: as IStepVerifier.Step. */
export interface StepOnTrial {
  readonly element: bigint;
  readonly stepCount: bigint;
  readonly index: bigint;
  /** Agreed state before it. */
  readonly state: bigint;
}

export interface Trial {
  readonly rules: Rules;
  readonly game: Game;
  readonly proof: Proof;
  readonly descriptor: Descriptor;
  readonly step: StepOnTrial;
}

/** Executes one micro-step on opened operands: twin of IStepVerifier.judge. */
export function judge(trial: Trial): { stepCount: bigint; state: bigint } {
  const { rules, proof, descriptor, step } = trial;
  const operator = rules.operatorOf(descriptor.op);
  require(operator !== undefined, 'UnknownOperator');
  const stepCount = BigInt(operator.steps(descriptor));
  if (stepCount !== step.stepCount) return { stepCount, state: 0n };
  const at = { element: Number(step.element), step: Number(step.index) };
  const operands = operator.operands(descriptor, at, step.state);
  require(operands.length === proof.openings.length, 'WrongOpeningCount');
  const words = operands.map((operand, i) => openedWord(trial, operand, proof.openings[i]!));
  return { stepCount, state: operator.apply(descriptor, at, step.state, words) };
}

function openedWord({ game, proof, descriptor }: Trial, { slot, element }: OperandElement, opening: Opening): bigint {
  const operand = descriptor.operands[slot]!;
  const { size } = DTYPES[operand.dtype];
  const lanes = 32 / size;
  // An index that a state names may lie anywhere.
  require(element < elementCount(operand.dims), 'OperandNotProven');
  const dataDepth = depthFor(chunkCount(operand));
  const dataRoot = rootFromSiblings(opening.chunk, Math.floor(element / lanes), opening.siblings.slice(0, dataDepth));
  const root = rootFromSiblings(bindHeader(dataRoot, encodeHeader(operand)), operand.index, opening.siblings.slice(dataDepth));
  const count = operand.kind === 'value' ? game.valueCount : opening.listLength;
  require(opening.siblings.length === dataDepth + depthFor(count), 'OperandNotProven');
  const against: Record<typeof operand.kind, Root> = { value: game.traceRoot, input: proof.claim.inputRoot, initializer: proof.model.weightsRoot };
  require((operand.kind === 'value' ? root : mixInLength(root, count)) === against[operand.kind], 'OperandNotProven');
  return chunkWord(opening.chunk, element % lanes, size);
}
