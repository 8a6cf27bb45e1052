import type { INestApplicationContext } from '@nestjs/common';
import { Gauge, type Monitoring } from '#platform';
import { followPresence } from './app.module.js';
import { Assigner } from './assignment/assigner.js';
import { PresenceBoard } from './assignment/presence-board.js';
import { Batcher } from './batching/batcher.js';
import { DataServer } from './data/data-server.js';
import { ChainFollower } from './settlement/chain-follower.js';
import { JobFeed } from './submission/job-feed.js';
import type { World } from './world.js';

export interface Work {
  /** Metrics and health of what runs here. */
  watch(monitoring: Monitoring): void;
  /** Stops what brings new work first, then waits for what is under way. */
  stop(): Promise<void>;
}

/** Starts what a coordinator does without being called. */
export function startWork(app: INestApplicationContext, world: World): Work {
  const { storage, messaging } = world;
  const [assigner, batcher, follower, data] = [app.get(Assigner), app.get(Batcher), app.get(ChainFollower), app.get(DataServer)];
  const feed = app.get(JobFeed);
  const unsubscribe = storage.onJobChange((change) => {
    feed.publish(change);
    if (change.state === 'accepted' || change.state === 'overturned') assigner.wake();
  });
  data.start();
  const presences = followPresence(world, app.get(PresenceBoard), () => assigner.wake());
  follower.start();
  assigner.start();
  batcher.start();
  return {
    watch: (monitoring) => watch(monitoring, world, follower),
    stop: async () => {
      await Promise.all(presences.map((presence) => presence.stop()));
      await assigner.stop();
      await Promise.all([batcher.stop(), follower.stop(), data.stop()]);
      unsubscribe();
    },
  };
}

function watch(monitoring: Monitoring, { storage, messaging }: World, follower: ChainFollower): void {
  monitoring.check('broker', () => messaging.problem());
  monitoring.check('chain', () => follower.problem());
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
