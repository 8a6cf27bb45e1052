import type { INestApplicationContext } from '@nestjs/common';
import { watchEther, type Monitoring } from '#platform';
import { followPresence, ROLES } from './app.module.js';
import { PresenceBoard } from './assignment/presence-board.js';
import { DataServer } from './data/data-server.js';
import { watchCoordinator } from './metrics.js';
import type { RoleKeeper } from './roles/role-keeper.js';
import { JobFeed } from './submission/job-feed.js';
import type { World } from './world.js';

export interface Work {
  /** Metrics and health of what runs here. */
  watch(monitoring: Monitoring): void;
  /** Ends the duties, a moment's wait for jobs that are out included, and leaves their roles to the next process. */
  leaveRoles(): Promise<void>;
  /** Serves no more data and hears of no more changes. */
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
    watch: (monitoring) => watch(monitoring, world, { roles, board: app.get(PresenceBoard) }),
    leaveRoles: async () => void (await Promise.all(roles.map((role) => role.stop()))),
    stop: async () => {
      await Promise.all([...presences.map((presence) => presence.stop()), data.stop()]);
      unsubscribe();
    },
  };
}

function watch(monitoring: Monitoring, { jobCounts, messaging, chain, chainProblem, clock }: World, { roles, board }: { readonly roles: readonly RoleKeeper[]; readonly board: PresenceBoard }): void {
  monitoring.check('broker', () => messaging.problem());
  monitoring.check('chain', () => chainProblem.text);
  watchEther(monitoring.registry, () => chain.client.getBalance({ address: chain.account! }));
  watchCoordinator(monitoring.registry, { roles, jobs: jobCounts, present: (role) => board.present(role).length, now: clock.now });
}
