import type { Root } from '#core/hashing';
import type { ModelRecord, ModelStore } from '#io/storage';

export type ModelById = (modelId: Root) => Promise<ModelRecord | undefined>;

const MAX_MODELS = 256;
const MOMENT_MS = 250;

/** Models by id; what the id commits to never changes, so it is read once. Names may be out of date here. */
export function modelCache(models: Pick<ModelStore, 'byId'>): ModelById {
  const known = new Map<Root, ModelRecord>();
  return async (modelId) => {
    const model = known.get(modelId) ?? (await models.byId(modelId));
    if (!model) return undefined;
    known.delete(modelId);
    known.set(modelId, model);
    if (known.size > MAX_MODELS) known.delete(known.keys().next().value!);
    return model;
  };
}

/** The same answer for a moment, for questions that cost more than they are worth asked every time. */
export function momentary<T>(ask: () => Promise<T>, now: () => number): () => Promise<T> {
  let last: { at: number; answer: Promise<T> } | undefined;
  return () => {
    if (last && now() - last.at < MOMENT_MS) return last.answer;
    const answer = ask();
    last = { at: now(), answer };
    answer.catch(() => (last = undefined));
    return answer;
  };
}
