import type { Root } from '#core/hashing';
import type { JobState } from '#core/protocol';

export interface JobChange {
  readonly jobIds: readonly Root[];
  readonly state: JobState;
}

/** Whether this process made the change or heard of it. */
export type Origin = 'here' | 'elsewhere';
export type ChangeListener = (change: JobChange, origin: Origin) => void;

/** Tells whoever listens, after the commit, which jobs changed to which state. */
export class JobChanges {
  private readonly listeners = new Set<ChangeListener>();

  subscribe(listener: ChangeListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  publish(jobIds: readonly Root[], state: JobState, origin: Origin = 'here'): void {
    if (jobIds.length > 0) for (const listener of this.listeners) listener({ jobIds, state }, origin);
  }
}
