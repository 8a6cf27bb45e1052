import type { Root } from '#core/hashing';
import type { JobState } from '#core/protocol';
import type { JobChange } from '#io/storage';

type Listener = (state: JobState) => void;

/** Hands the changes of jobs to those who wait for one of them. */
export class JobFeed {
  private readonly listeners = new Map<Root, Set<Listener>>();

  publish({ jobIds, state }: JobChange): void {
    for (const jobId of jobIds) for (const listener of this.listeners.get(jobId) ?? []) listener(state);
  }

  subscribe(jobId: Root, listener: Listener): () => void {
    const all = this.listeners.get(jobId) ?? new Set();
    all.add(listener);
    this.listeners.set(jobId, all);
    return () => {
      all.delete(listener);
      if (all.size === 0 && this.listeners.get(jobId) === all) this.listeners.delete(jobId);
    };
  }

  /** Resolves true once the job enters a state that `isGood` accepts, false after `ms` or when aborted. Subscribe before looking at the job. */
  reached(jobId: Root, { isGood, ms, signals }: { isGood: (state: JobState) => boolean; ms: number; signals: readonly AbortSignal[] }): { readonly done: Promise<boolean>; cancel(): void } {
    let settle: (reached: boolean) => void = () => {};
    const done = new Promise<boolean>((resolve) => (settle = resolve));
    const unsubscribe = this.subscribe(jobId, (state) => isGood(state) && settle(true));
    const timer = setTimeout(() => settle(false), ms);
    const abort = () => settle(false);
    // WHY not AbortSignal.any: a signal that lives as long as the process keeps a reference to each that was ever made from it.
    for (const signal of signals) signal.addEventListener('abort', abort, { once: true });
    if (signals.some(({ aborted }) => aborted)) abort();
    void done.then(() => {
      clearTimeout(timer);
      unsubscribe();
      for (const signal of signals) signal.removeEventListener('abort', abort);
    });
    return { done, cancel: abort };
  }
}
