import type { INestApplicationContext } from '@nestjs/common';
import { Gauge, type Monitoring } from '#platform';
import { followPresence, ROLES } from './app.module.js';
import { PresenceBoard } from './assignment/presence-board.js';
import { DataServer } from './data/data-server.js';
import type { RoleKeeper } from './roles/role-keeper.js';
import { JobFeed } from './submission/job-feed.js';
import type { World } from './world.js';

export interface Work {
  /** Metrics and health of what runs here. */
  watch(monitoring: Monitoring): void;
  /** Stops what brings new work first, then waits for what is under way. */
  stop(): Promise<void>;
}

/** An executor with room is to an assigner what a job that waits is: something to look at. */
const EXECUTOR_CAME = { jobIds: [], state: 'accepted' } as const;

/** Starts what a coordinator does without being called. */
export function startWork(app: INestApplicationContext, world: World): Work {
  const { storage } = world;
  const roles = app.get<RoleKeeper[]>(ROLES);
  const [data, feed] = [app.get(DataServer), app.get(JobFeed)];
  const unsubscribe = storage.onJobChange((change) => {
    feed.publish(change);
    for (const role of roles) role.note(change);
  });
  data.start();
  const presences = followPresence(world, app.get(PresenceBoard), () => roles.forEach((role) => role.note(EXECUTOR_CAME)));
  for (const role of roles) role.start();
  return {
    watch: (monitoring) => watch(monitoring, world, roles),
    stop: async () => {
      await Promise.all(presences.map((presence) => presence.stop()));
      await Promise.all([...roles.map((role) => role.stop()), data.stop()]);
      unsubscribe();
    },
  };
}

function watch(monitoring: Monitoring, { storage, messaging, chainProblem }: World, roles: readonly RoleKeeper[]): void {
  monitoring.check('broker', () => messaging.problem());
  monitoring.check('chain', () => chainProblem.text);
  new Gauge({
    name: 'assay_role_held',
    help: '1 while this process does what only one may do at a time',
    labelNames: ['role'],
    registers: [monitoring.registry],
    collect() {
      for (const { name, isHeld } of roles) this.set({ role: name }, Number(isHeld));
    },
  });
  new Gauge({
    name: 'assay_jobs',
    help: 'Jobs by state',
    labelNames: ['state'],
    registers: [monitoring.registry],
    async collect() {
      for (const [state, count] of Object.entries(await storage.jobs.countByState())) this.set({ state }, count);
    },
  });
}
