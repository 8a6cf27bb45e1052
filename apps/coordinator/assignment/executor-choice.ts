import type { Root } from '#core/hashing';

/** What is known about an executor when a job is to be given away. Addresses in lower case. */
export interface Candidate {
  readonly address: string;
  readonly profile: Root;
  readonly models: readonly Root[];
  readonly capacity: number;
  /** Jobs it has from here. What it says it runs is older than that, and it refuses what is too much. */
  readonly busy: number;
  /** What its stake still covers. */
  readonly cover: bigint;
}

export interface Wanted {
  readonly modelId: Root;
  readonly profile: Root;
  /** What the job takes of that. */
  readonly cost: bigint;
  /** Executors that must not get it. */
  readonly excluded: readonly string[];
}

/**
 * The least loaded executor that can take the job: right profile, not excluded, with room, with stake for the job.
 * Among equals one that has the model loaded, then the one whose stake covers more, then by address, so that the choice is a function.
 */
export function chooseExecutor<C extends Candidate>(candidates: readonly C[], wanted: Wanted): C | undefined {
  const able = candidates.filter((c) => c.profile === wanted.profile && c.busy < c.capacity && c.cover >= wanted.cost && !wanted.excluded.includes(c.address));
  return able.sort((a, b) => compare(a, b, wanted.modelId))[0];
}

function compare(a: Candidate, b: Candidate, modelId: Root): number {
  const byLoad = a.busy / a.capacity - b.busy / b.capacity;
  if (byLoad !== 0) return byLoad;
  const byModel = Number(b.models.includes(modelId)) - Number(a.models.includes(modelId));
  if (byModel !== 0) return byModel;
  if (a.cover !== b.cover) return a.cover > b.cover ? -1 : 1;
  return a.address < b.address ? -1 : 1;
}
