/**
 * What one machine says of the corpus, on standard output as JSON: run by main.ts on this machine and on imitated ones.
 *
 *   node dist/test/isa/exam.js <folder of the corpus>
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { elementWord, type Tensor } from '#core/hashing';
import { loadCanonical } from '#core/onnx';
import { describeMismatch, openSession, selfTest } from '#io/inference';
import { runNode } from '../differential/runtime.js';
import { restoreTensor, type Corpus, type StoredModel, type StoredProbe } from './corpus.js';

export interface ModelAnswer {
  /** Digests of outputs and of every value of the trace, for ordinary inputs and for hostile ones. */
  readonly runs: readonly { readonly outputs: readonly string[]; readonly values: readonly string[] }[];
  readonly selfTest: 'agrees' | 'refuses';
  /** Where the self-test saw the first difference. */
  readonly difference?: string;
}

export interface Answer {
  readonly elements: number;
  readonly wrong: readonly { readonly operator: string; readonly element: number; readonly expected: string; readonly got: string }[];
  readonly models: Readonly<Record<string, ModelAnswer>>;
}

const ELEMENTS_PER_VALUE = 3;
const MAX_WRONG = 1_000;

async function main(folder: string): Promise<void> {
  const corpus = JSON.parse(readFileSync(join(folder, 'corpus.json'), 'utf8')) as Corpus;
  const wrong: Answer['wrong'][number][] = [];
  for (const probe of corpus.probes) if (wrong.length < MAX_WRONG) wrong.push(...(await examine(probe)));
  const models: Record<string, ModelAnswer> = {};
  for (const model of corpus.models) {
    process.stderr.write(`  ${model.name} …\n`);
    models[model.name] = await answerOf(folder, model, corpus.seed);
  }
  const elements = corpus.probes.reduce((sum, probe) => sum + probe.elements.length, 0);
  process.stdout.write(JSON.stringify({ elements, wrong, models } satisfies Answer));
}

async function examine({ operator, onnx, feeds, dtype, elements, words }: StoredProbe): Promise<Answer['wrong'][number][]> {
  const tensors = Object.fromEntries(Object.entries(feeds).map(([slot, tensor]) => [slot, restoreTensor(tensor)]));
  const output = await runNode({ onnx: Uint8Array.from(Buffer.from(onnx, 'base64')), feeds: tensors, dtype });
  return elements.flatMap((element, i) => {
    const got = elementWord(output, element).toString(16);
    return got === words[i] ? [] : [{ operator, element, expected: words[i]!, got }];
  });
}

async function answerOf(folder: string, { file, inputs }: StoredModel, seed: number): Promise<ModelAnswer> {
  const session = await openSession(loadCanonical(new Uint8Array(readFileSync(join(folder, file)))), { thread: 'calling' });
  const runs: ModelAnswer['runs'][number][] = [];
  for (const stored of inputs) {
    const tensors = stored.map(restoreTensor);
    runs.push({ outputs: (await session.run(tensors)).map(digest), values: (await session.trace(tensors)).map(digest) });
  }
  const { ok, mismatches } = await selfTest([session], { seed, elementsPerValue: ELEMENTS_PER_VALUE });
  await session.close();
  return { runs, selfTest: ok ? 'agrees' : 'refuses', ...(mismatches[0] && { difference: describeMismatch(mismatches[0]) }) };
}

const digest = ({ data }: Tensor): string => createHash('sha256').update(data).digest('hex');

await main(process.argv[2]!);
