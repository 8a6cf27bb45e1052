import type { Root } from '#core/hashing';

export type ChangeListener = (jobIds: readonly Root[]) => void;

/** Tells whoever listens, after the commit, which jobs changed their state. */
export class JobChanges {
  private readonly listeners = new Set<ChangeListener>();

  subscribe(listener: ChangeListener): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  publish(jobIds: readonly Root[]): void {
    if (jobIds.length > 0) for (const listener of this.listeners) listener(jobIds);
  }
}
