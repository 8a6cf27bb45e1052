import type { Root } from '#core/hashing';
import { isTerminal, JOB_STATES, type JobState } from '#core/protocol';
import type { JobStore, ModelRecord, ModelStore } from '#io/storage';

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

/**
 * The same answer for a moment, for questions that cost more than they are worth asked every time; one is asked at a time.
 * @param share of the time that asking may take at the most, for questions that cost more the longer a network runs
 */
export function momentary<T>(ask: () => Promise<T>, now: () => number, share = 1): () => Promise<T> {
  let last: { until: number; answer: Promise<T> } | undefined;
  return () => {
    if (last && now() < last.until) return last.answer;
    const asked = now();
    const mine = { until: Infinity, answer: ask() };
    last = mine;
    mine.answer.then(
      () => (mine.until = asked + Math.max(MOMENT_MS, (now() - asked) / share)),
      () => (last = undefined),
    );
    return mine.answer;
  };
}

/** How many jobs are in each state; of those under way also when the one came that is in it for longest. */
export type JobCounts = Partial<Record<JobState, { readonly count: number; readonly oldest?: Date }>>;

/** States of jobs that are over or wait for their window's end: together nearly all that ever were. */
const PAST: readonly JobState[] = JOB_STATES.filter((state) => isTerminal(state) || state === 'cancelled' || state === 'challengeable');
const UNDER_WAY = JOB_STATES.filter((state) => !PAST.includes(state));
/** Of the time that counting what is past may take. */
const COUNTING_SHARE = 0.05;

export function jobCounts(jobs: Pick<JobStore, 'countByState' | 'oldestByState'>, now: () => number): () => Promise<JobCounts> {
  const past = momentary(() => jobs.countByState(PAST), now, COUNTING_SHARE);
  const underWay = momentary(() => jobs.oldestByState(UNDER_WAY), now);
  return async () => ({ ...(await past()), ...(await underWay()) });
}

/** The counts alone. */
export function numbersOf(counts: JobCounts): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).map(([state, { count }]) => [state, count]));
}
