import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileModel, loadCanonical } from '#core/onnx';
import { asAssayError, AssayError } from '#core/protocol';
import { PROJECT_ROOT, seededRandom } from '#testing';
import { noise, sourceModel } from '../models/building.js';
import { mutated } from './mutation.js';
import { hostileMessage } from './protobuf.js';
import { Counter, type Tally } from './tally.js';

const MODEL = 'models/mnist/model.onnx';
const SLOW_MS = 30_000;

/** Told of every case before it begins; whoever listens notices one that does not end. */
export type Began = (what: string) => void;

/** ONNX files with something wrong, given to the compiler and to the reader of canonical files. Synchronous: a hang is noticed by whoever runs this. */
export async function fuzzFiles(seed: number, cases: number, began: Began): Promise<Tally> {
  const counter = new Counter(SLOW_MS);
  const sources = [new Uint8Array(readFileSync(join(PROJECT_ROOT, MODEL))), smallModel()];
  const canonical = sources.map((file) => compileModel(file).onnx);
  for (let i = 0; i < cases; i++) {
    const random = seededRandom(seed * 65_537 + i);
    const [read, files] = random.next() < 0.5 ? [compileModel, sources] : [loadCanonical, canonical];
    const what = `onnx case ${i} (seed ${seed}, ${read.name})`;
    began(what);
    const source = random.pick(files);
    const file = random.next() < 0.6 ? hostileMessage(source, random) : mutated(source, random);
    const started = performance.now();
    counter.note(await outcomeOf(() => read(file), (error) => counter.fault(`${what}: ${error}`)), performance.now() - started, what);
  }
  return counter.tally;
}

/** WHY a small one too: there a changed byte is rarely one of the weights. */
export function smallModel(): Uint8Array {
  return sourceModel({
    inputs: { x: [1, 2, 6, 6] },
    constants: { w: noise([3, 2, 3, 3], 1) },
    nodes: [
      { op: 'Conv', inputs: ['x', 'w'], output: 'c', attributes: { pads: [1, 1, 1, 1] } },
      { op: 'MaxPool', inputs: ['c'], output: 'm', attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
      { op: 'Flatten', inputs: ['m'], output: 'f' },
      { op: 'Softmax', inputs: ['f'], output: 'y' },
    ],
    outputs: { y: [1, 27] },
  });
}

/** The code of the refusal, or `taken`. */
export async function outcomeOf(work: () => unknown, onFault: (text: string) => void): Promise<string> {
  try {
    await work();
    return 'taken';
  } catch (error) {
    if (!(error instanceof AssayError) || error.kind === 'broken') onFault((error as Error).stack ?? String(error));
    return asAssayError(error).code;
  }
}
