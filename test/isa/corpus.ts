import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { elementCount, elementWord, type Tensor } from '#core/hashing';
import { evaluateElement, OPERATORS } from '#core/numerics';
import { compileModel, type CanonicalModel } from '#core/onnx';
import { AssayError } from '#core/protocol';
import { PROJECT_ROOT, seededRandom } from '#testing';
import { probe, seeded } from '../../libs/io/inference/probes.js';
import { loadGenerators } from '../differential/agreement.js';
import { nodeRun } from '../differential/runtime.js';
import { hasSharedModels, MODELS_FOLDER } from '../models/shared-models.js';

/** A tensor as JSON: data in base64. */
export interface StoredTensor extends Omit<Tensor, 'data'> {
  readonly data: string;
}

/** One operator at work, and what the reference says of it: element words in hexadecimal, by element. */
export interface StoredProbe {
  readonly operator: string;
  readonly onnx: string;
  readonly feeds: Readonly<Record<string, StoredTensor>>;
  readonly dtype: Tensor['dtype'];
  readonly elements: readonly number[];
  readonly words: readonly string[];
}

export interface StoredModel {
  readonly name: string;
  /** The canonical file, beside the corpus. */
  readonly file: string;
  /** Ordinary inputs, then hostile ones. */
  readonly inputs: readonly (readonly StoredTensor[])[];
}

export interface Corpus {
  readonly seed: number;
  readonly probes: readonly StoredProbe[];
  readonly models: readonly StoredModel[];
}

export interface CorpusOptions {
  readonly folder: string;
  readonly seed: number;
  /** Elements per operator, about. */
  readonly elements: number;
  /** Names of the models wanted; all if empty. */
  readonly wanted: readonly string[];
}

/** Sizes of open dimensions by symbol, as small as makes sense: emulation is slow. */
const DIMS: Readonly<Record<string, number>> = { T: 8, unk__6: 3 };
const ELEMENTS_PER_CASE = 40;

/** Writes what every machine is examined on; models that do not compile are named in `refused`. */
export async function writeCorpus({ folder, seed, elements, wanted }: CorpusOptions): Promise<{ corpus: Corpus; refused: Record<string, string> }> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const refused: Record<string, string> = {};
  const models: StoredModel[] = [];
  for (const [name, path] of modelFiles(wanted)) {
    try {
      models.push(storeModel(folder, name, compileWithDims(new Uint8Array(readFileSync(path)))));
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      refused[name] = error.message;
    }
  }
  const corpus = { seed, probes: await probes(seed, elements), models };
  writeFileSync(join(folder, 'corpus.json'), JSON.stringify(corpus));
  return { corpus, refused };
}

/** The folder of bigger models if there is one: it has those of this repository too. */
function modelFiles(wanted: readonly string[]): [string, string][] {
  const folder = hasSharedModels ? MODELS_FOLDER : join(PROJECT_ROOT, 'models');
  const found = readdirSync(folder).map((name): [string, string] => [name, join(folder, name, 'model.onnx')]);
  return found.filter(([name, path]) => existsSync(path) && (wanted.length === 0 || wanted.includes(name)));
}

function compileWithDims(file: Uint8Array): CanonicalModel {
  try {
    return compileModel(file);
  } catch (error) {
    const symbols = error instanceof AssayError && error.code === 'MODEL_DIMS_UNBOUND' ? (error.facts['dimensions'] as readonly string[]) : undefined;
    if (!symbols) throw error;
    return compileModel(file, { dims: Object.fromEntries(symbols.map((symbol) => [symbol, DIMS[symbol] ?? 1])) });
  }
}

function storeModel(folder: string, name: string, model: CanonicalModel): StoredModel {
  const file = `${name}.onnx`;
  writeFileSync(join(folder, file), model.onnx);
  const inputs = [false, true].map((hostile) => model.manifest.signature.inputs.map((input, i) => storeTensor(probe(input, seeded(i + 1), hostile))));
  return { name, file, inputs };
}

async function probes(seed: number, elements: number): Promise<StoredProbe[]> {
  const generators = await loadGenerators();
  return OPERATORS.flatMap(({ name, code }) => {
    const random = seededRandom(seed + code);
    const stored: StoredProbe[] = [];
    for (let compared = 0; compared < elements; compared += stored.at(-1)!.elements.length) {
      const { descriptor, tensors, node } = generators.get(name)!(random);
      const count = elementCount(descriptor.output.dims);
      const chosen = count <= ELEMENTS_PER_CASE ? [...Array(count).keys()] : Array.from({ length: ELEMENTS_PER_CASE }, () => random.between(0, count));
      const words = chosen.map((element) => evaluateElement(descriptor, element, (slot, at) => elementWord(tensors[slot]!, at)).toString(16));
      const { onnx, feeds, dtype } = nodeRun(node);
      stored.push({ operator: name, onnx: Buffer.from(onnx).toString('base64'), feeds: Object.fromEntries(Object.entries(feeds).map(([slot, tensor]) => [slot, storeTensor(tensor)])), dtype, elements: chosen, words });
    }
    return stored;
  });
}

const storeTensor = ({ dtype, dims, data }: Tensor): StoredTensor => ({ dtype, dims, data: Buffer.from(data).toString('base64') });
export const restoreTensor = ({ dtype, dims, data }: StoredTensor): Tensor => ({ dtype, dims, data: Uint8Array.from(Buffer.from(data, 'base64')) });
