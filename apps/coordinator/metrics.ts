import { Gauge, type Registry } from '#platform';
import type { JobCounts } from './caches.js';

/** Names and words of callMetrics for what a coordinator is asked. */
export const SUBMISSIONS = { name: 'assay_submission', what: 'Jobs submitted here' } as const;

/** What the gauges look at when they are read. */
export interface Watched {
  readonly roles: readonly { readonly name: string; readonly isHeld: boolean }[];
  /** Asked twice at each reading; while it fails the gauges of jobs say nothing. */
  readonly jobs: () => Promise<JobCounts>;
  readonly present: (role: 'executor' | 'challenger') => number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export function watchCoordinator(registry: Registry, { roles, jobs, present, now }: Watched): void {
  const registers = [registry];
  new Gauge({
    name: 'assay_role_held',
    help: '1 while this process does what only one may do at a time',
    labelNames: ['role'],
    registers,
    collect() {
      for (const { name, isHeld } of roles) this.set({ role: name }, Number(isHeld));
    },
  });
  const counts = () => jobs().catch((): JobCounts => ({}));
  new Gauge({
    name: 'assay_jobs',
    help: 'Jobs by state',
    labelNames: ['state'],
    registers,
    async collect() {
      const found = Object.entries(await counts());
      // WHY: a state that no job is in any more must not keep its last figures.
      this.reset();
      for (const [state, { count }] of found) this.set({ state }, count);
    },
  });
  new Gauge({
    name: 'assay_jobs_oldest_seconds',
    help: 'Seconds since the job of a state that has been in it for longest came into it; not of states that jobs end in or wait out their window in',
    labelNames: ['state'],
    registers,
    async collect() {
      const found = Object.entries(await counts());
      this.reset();
      for (const [state, { oldest }] of found) if (oldest) this.set({ state }, Math.max(0, (now() - oldest.getTime()) / 1000));
    },
  });
  new Gauge({
    name: 'assay_peers',
    help: 'Executors and challengers that say they are there',
    labelNames: ['role'],
    registers,
    collect() {
      for (const role of ['executor', 'challenger'] as const) this.set({ role }, present(role));
    },
  });
}
