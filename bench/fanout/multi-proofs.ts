import { DTYPES, chunkCount, depthFor } from '#core/hashing';
import { MAX_STATES, revealedCount, STATES_PER_WORD, strideOf } from '#core/dispute';
import { operatorByCode, type Descriptor, type OperandElement } from '#core/numerics';
import type { ModelManifest } from '#core/onnx';
import { seededRandom } from '#testing';
import { openModel, type ModelName } from '../../test/simulation/real-models.js';

/** Siblings that the openings of micro-steps need, each by itself and all of a step in one multi-proof. */
export interface ProofWords {
  readonly model: ModelName;
  /** Micro-steps looked at that open more than one operand element. */
  readonly steps: number;
  /** Siblings of one step, on average. */
  readonly single: number;
  readonly multi: number;
  /** Words saved in the step that saves most. */
  readonly mostSaved: number;
}

const MODELS: readonly ModelName[] = ['mnist', 'squeezenet', 'stories260K'];
const PER_VALUE = 200;
const SEED = 20261121;

/** Micro-steps of every value, seeded. Which elements are read where an index decides follows from state 0. */
export async function multiProofs(): Promise<{ proofs: ProofWords[]; segments: ReturnType<typeof segmentProofs> }> {
  const proofs: ProofWords[] = [];
  for (const model of MODELS) {
    const session = await openModel(model);
    proofs.push(wordsOf(model, session.model.manifest));
    await session.close();
  }
  return { proofs, segments: segmentProofs() };
}

function wordsOf(model: ModelName, manifest: ModelManifest): ProofWords {
  const random = seededRandom(SEED);
  const steps = manifest.descriptors.slice(0, -1).flatMap((descriptor) => {
    const operator = operatorByCode(descriptor.op);
    const elements = descriptor.output.dims.reduce((product, size) => product * size, 1);
    const sampled = Array.from({ length: PER_VALUE }, () => {
      const at = { element: random.between(0, elements), step: random.between(0, operator.steps(descriptor)) };
      return operator.operands(descriptor, at, 0n).map((operand) => pathOf(manifest, descriptor, operand));
    });
    return sampled.filter((paths) => paths.length > 1).map((paths) => ({ single: sum(paths.map(({ siblings }) => siblings.length)), multi: together(paths) }));
  });
  return {
    model,
    steps: steps.length,
    single: sum(steps.map(({ single }) => single)) / steps.length,
    multi: sum(steps.map(({ multi }) => multi)) / steps.length,
    mostSaved: Math.max(...steps.map(({ single, multi }) => single - multi)),
  };
}

/** Names of the nodes from a leaf to its root, and of their siblings. */
interface Path {
  readonly nodes: readonly string[];
  readonly siblings: readonly string[];
}

/** An operand's chunk up to its tensor, then up to the root of all tensors of its kind. */
function pathOf(manifest: ModelManifest, descriptor: Descriptor, { slot, element }: OperandElement): Path {
  const ref = descriptor.operands[slot]!;
  const list = { value: manifest.valueCount, initializer: manifest.initializerCount, input: manifest.signature.inputs.length }[ref.kind];
  const data = climb(`${ref.kind} ${ref.index}`, Math.floor(element / (32 / DTYPES[ref.dtype].size)), depthFor(chunkCount(ref)));
  const tensors = climb(ref.kind, ref.index, depthFor(list));
  return { nodes: [...data.nodes, ...tensors.nodes], siblings: [...data.siblings, ...tensors.siblings] };
}

function climb(tree: string, leaf: number, depth: number): Path {
  const levels = Array.from({ length: depth }, (_, level) => ({ level, index: Math.floor(leaf / 2 ** level) }));
  return { nodes: levels.map(({ level, index }) => `${tree} ${level} ${index}`), siblings: levels.map(({ level, index }) => `${tree} ${level} ${index ^ 1}`) };
}

/** Siblings that are neither given twice nor follow from another path. */
function together(paths: readonly Path[]): number {
  const known = new Set(paths.flatMap(({ nodes }) => nodes));
  return new Set(paths.flatMap(({ siblings }) => siblings).filter((sibling) => !known.has(sibling))).size;
}

/** The pair of states that chooseSegment or a proof shows, of a full reveal, averaged over its intervals. */
function segmentProofs() {
  const count = revealedCount(BigInt(MAX_STATES) ** 2n);
  if (strideOf(BigInt(MAX_STATES) ** 2n) === 1n) throw new Error('a full reveal has a stride');
  const depth = depthFor(Math.ceil(count / STATES_PER_WORD));
  const intervals = Array.from({ length: count }, (_, index) => index).map((index) => {
    const own = climb('states', Math.floor(index / STATES_PER_WORD), depth);
    if (index % STATES_PER_WORD !== 0 || index === 0) return { single: depth, multi: depth };
    // Siblings, and the word of the state before with its own.
    return { single: 2 * depth + 1, multi: 1 + together([own, climb('states', index / STATES_PER_WORD - 1, depth)]) };
  });
  const mean = (pick: (one: (typeof intervals)[number]) => number): number => sum(intervals.map(pick)) / count;
  return { states: count, single: mean(({ single }) => single), multi: mean(({ multi }) => multi) };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
