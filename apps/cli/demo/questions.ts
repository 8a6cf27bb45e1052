import { basename } from 'node:path';
import { listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { compileModel, type CanonicalModel } from '#core/onnx';
import { openSession } from '#io/inference';
import { floats } from '../answers.js';
import { answerOf, sampleFile, type SampleModel } from '../sample-models.js';
import { KITTEN_FILE, photoTensor, readDigits } from '../samples.js';
import { pictureText } from './picture.js';

/** Something to ask a model, with what is known about it beforehand. */
export interface Question {
  readonly name: string;
  readonly input: Tensor;
  /** The digit that was written, as its label says. */
  readonly label?: number;
  readonly picture?: readonly string[];
}

const SIDE = 28;
export const PICTURE_WIDTH = 20;
const MARGIN = 4;

export async function questionsFor(model: SampleModel, { count, photo }: { count: number; photo?: string }): Promise<Question[]> {
  if (model === 'mnist') return readDigits(count).map(digitQuestion);
  const file = photo ?? KITTEN_FILE;
  const input = await photoTensor(file);
  return Array.from({ length: count }, () => ({ name: basename(file), input }));
}

function digitQuestion({ tensor, label }: { tensor: Tensor; label: number }, i: number): Question {
  const picture = pictureText(Uint8Array.from(floats(tensor)), SIDE).map((line) => line.slice(MARGIN, MARGIN + PICTURE_WIDTH).trimEnd());
  return { name: `digit ${i}`, input: tensor, label, picture };
}

/** What this machine computes for itself, with plain ONNX Runtime on the canonical model: the yardstick of every answer. */
export class Yardstick {
  private constructor(
    readonly name: SampleModel,
    readonly model: CanonicalModel,
    private readonly roots: ReadonlyMap<Tensor, Root>,
  ) {}

  static async measure(name: SampleModel, questions: readonly Question[]): Promise<Yardstick> {
    const model = compileModel(await sampleFile(name));
    const session = await openSession(model);
    const roots = new Map<Tensor, Root>();
    for (const { input } of questions) if (!roots.has(input)) roots.set(input, listRoot((await session.run([input])).map(tensorRoot)));
    await session.close();
    return new Yardstick(name, model, roots);
  }

  rootOf(question: Question): Root {
    return this.roots.get(question.input)!;
  }

  say(outputs: readonly Tensor[]): string {
    return answerOf(this.name, floats(outputs[0]!)).text;
  }
}
