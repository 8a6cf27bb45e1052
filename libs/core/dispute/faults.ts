import { concatHex, sha256 } from 'viem';
import { depthFor, encodeHeader, listRoot, mixInLength, rootFromSiblings, ZERO_ROOT, type Root } from '#core/hashing';
import { decodeDescriptor, type Descriptor, type OperandRef } from '#core/numerics';
import { claimDigest } from '#core/protocol';
import { chosenPosition, chosenStates, elementAt } from './choices.js';
import { openedLevels, strideOf } from './fanout.js';
import { PHASE, type FaultName, type Game } from './game.js';
import { judge, type StepOnTrial } from './judge.js';
import type { Model, Move, OutputOpening, Proof } from './moves.js';
import { require } from './refusal.js';
import type { Rules } from './setting.js';

/** A fault found, and the words compared (zero where none were). */
export interface Shown {
  readonly fault: FaultName;
  readonly expected: bigint;
  readonly revealed: bigint;
}

export interface Accusation {
  readonly rules: Rules;
  /** The clock already charged. */
  readonly game: Game;
  readonly move: Extract<Move, { kind: 'prove' }>;
}

/** Finds the fault that a proof names, or refuses: twin of contracts/src/libraries/Faults.sol. */
export function faultShown({ rules, game, move: { fault, proof } }: Accusation): Shown {
  require(claimDigest(rules.network, proof.claim) === game.claim, 'WrongClaim');
  const shown = (expected = 0n, revealed = 0n): Shown => ({ fault, expected, revealed });
  switch (fault) {
    case 'tracePadding':
      showTracePadding(game, proof);
      return shown();
    case 'outputs':
      showOutputs(game, proof);
      return shown();
    case 'header':
      showHeader(game, proof);
      return shown();
    case 'tensorPadding':
      return shown(0n, paddingWord(game, proof));
    case 'stepCount':
      return shown(...stepCounts(rules, game, proof));
    case 'step':
      return shown(...stepStates(rules, game, proof));
    case 'none':
    case 'silence':
    case 'equivocation':
    case 'contradiction':
      return require(false, 'NoFault') as never;
  }
}

function showTracePadding(game: Game, { last }: Proof): void {
  require(game.phase === PHASE.trace, 'WrongPhase');
  requireBottom(game);
  require(chosenPosition(game, last) >= BigInt(game.valueCount) && last.node !== ZERO_ROOT, 'NoFault');
}

function showOutputs(game: Game, proof: Proof): void {
  require(game.phase === PHASE.trace, 'WrongPhase');
  const { op, operands } = openDescriptor(game.valueCount - 1, proof);
  require(op === 0, 'WrongDescriptor');
  require(proof.outputs.length === operands.length, 'WrongNodeCount');
  operands.forEach((operand, i) => requireOutput({ game, proof }, operand, proof.outputs[i]!));
  require(listRoot(proof.outputs.map((o) => o.root)) !== proof.claim.outputRoot, 'NoFault');
}

function requireOutput({ game, proof }: { game: Game; proof: Proof }, { kind, index }: OperandRef, opening: OutputOpening): void {
  const count = kind === 'value' ? game.valueCount : opening.listLength;
  require(opening.siblings.length === depthFor(count), 'NotUnderNode');
  const root = rootFromSiblings(opening.root, index, opening.siblings);
  const against = { value: game.traceRoot, input: proof.claim.inputRoot, initializer: proof.model.weightsRoot }[kind];
  require((kind === 'value' ? root : mixInLength(root, count)) === against, 'NotUnderNode');
}

function showHeader(game: Game, proof: Proof): void {
  require(game.phase === PHASE.tensor, 'WrongPhase');
  require(encodeHeader(openDescriptor(game.valueIndex, proof).output) !== game.header, 'NoFault');
}

function paddingWord(game: Game, { last }: Proof): bigint {
  require(game.phase === PHASE.tensor, 'WrongPhase');
  requireBottom(game);
  const { element, word, elements } = elementAt(game.header, chosenPosition(game, last), last);
  require(element >= elements && word !== 0n, 'NoFault');
  return word;
}

function stepCounts(rules: Rules, game: Game, proof: Proof): [bigint, bigint] {
  require(game.phase === PHASE.steps, 'WrongPhase');
  const step = { element: game.element, stepCount: game.stepCount, index: game.lowStep, state: game.lowState };
  const { stepCount } = judge({ rules, game, proof, descriptor: openDescriptor(game.valueIndex, proof), step });
  require(stepCount !== game.stepCount, 'NoFault');
  return [stepCount, game.stepCount];
}

function stepStates(rules: Rules, game: Game, proof: Proof): [bigint, bigint] {
  const descriptor = openDescriptor(game.valueIndex, proof);
  const { step, revealed } = game.phase === PHASE.tensor ? onlyStep(game, proof) : chosenStep(game, proof);
  const { stepCount, state } = judge({ rules, game, proof, descriptor, step });
  require(stepCount === step.stepCount && state !== revealed, 'NoFault');
  return [state, revealed];
}

interface Accused {
  readonly step: StepOnTrial;
  readonly revealed: bigint;
}

/** Phase tensor, chunks revealed: the element's word is the state after the operator's only micro-step. */
function onlyStep(game: Game, { last }: Proof): Accused {
  requireBottom(game);
  const { element, word, elements } = elementAt(game.header, chosenPosition(game, last), last);
  require(element < elements, 'OutOfRange');
  return { step: { element, stepCount: 1n, index: 0n, state: 0n }, revealed: word };
}

/** Phase steps, single states revealed. */
function chosenStep(game: Game, { before, last }: Proof): Accused {
  require(game.phase === PHASE.steps, 'WrongPhase');
  require(strideOf(game.highStep - game.lowStep) === 1n, 'NoFault');
  const { low, high } = chosenStates(game, before, last);
  return { step: { element: game.element, stepCount: game.stepCount, index: game.lowStep + BigInt(last.index), state: low }, revealed: high };
}

/** Opens the descriptor of a value against the graph of the claim's model. */
function openDescriptor(value: number, { claim, model, descriptor, descriptorSiblings }: Proof): Descriptor {
  requireModel(claim.modelId, model);
  require(descriptorSiblings.length === depthFor(model.valueCount), 'WrongDescriptor');
  require(rootFromSiblings(sha256(descriptor), value, descriptorSiblings) === model.graphTree, 'WrongDescriptor');
  try {
    return decodeDescriptor(descriptor);
  } catch {
    return require(false, 'WrongDescriptor') as never;
  }
}

export function requireModel(modelId: Root, { graphTree, valueCount, weightsRoot, signatureRoot, profile }: Model): void {
  require(valueCount > 0 && sha256(concatHex([mixInLength(graphTree, valueCount), weightsRoot, signatureRoot, profile])) === modelId, 'WrongModel');
}

/** The last reveal opened the leaves. */
function requireBottom(game: Game): void {
  require(game.depth === openedLevels(game.depth), 'NoFault');
}
