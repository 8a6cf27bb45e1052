import { elementCount, elementWord, type Tensor } from '#core/hashing';
import { withInitializers, type CanonicalModel } from '#core/onnx';
import { openSession } from '#io/inference';
import { outputsAmong, rootOf, traceOf, type Run, type RunContext } from '../execution/run.js';
import { SeededChoice } from './seeded.js';
import { otherWord, withWord } from './words.js';
import { MAX_ATTEMPTS, showsIn, wordsOf, wrongOutputRun } from './wrong-values.js';

/** The right graph on weights of which one element is another: consistent in itself, and not the model that was asked for. */
export async function tamperedWeightsRun(context: RunContext): Promise<Run> {
  const { session, inputs } = context;
  const { model } = session;
  const choice = new SeededChoice(context.jobId);
  const candidates = model.initializers.flatMap((tensor, i) => (tensor.dtype === 'float32' && tensor.data.length > 0 ? [i] : []));
  const honest = await session.trace(inputs);
  for (let attempt = 0; attempt < MAX_ATTEMPTS && candidates.length > 0; attempt++) {
    const initializer = choice.of(candidates);
    const original = model.initializers[initializer]!;
    const element = choice.below(elementCount(original.dims));
    const word = otherWord(original, element);
    const tampered = withInitializers(model, new Map([[initializer, withWord(original, element, word)]]));
    const values = await tracedOnce(tampered, inputs);
    if (!showsIn(context, honest, values)) continue;
    const outputs = outputsAmong(model, values);
    const outputRoot = rootOf(outputs);
    const lie = { kind: 'weights', initializer, element, ...wordsOf(elementWord(original, element), word) };
    return { outputs, outputRoot, lie, trace: async () => traceOf(context, { values, outputRoot, initializers: tampered.initializers }) };
  }
  return wrongOutputRun(context);
}

async function tracedOnce(model: CanonicalModel, inputs: readonly Tensor[]): Promise<Tensor[]> {
  const session = await openSession(model);
  try {
    return await session.trace(inputs);
  } finally {
    await session.close();
  }
}
