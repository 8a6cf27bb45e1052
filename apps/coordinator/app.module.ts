import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import type { Address } from 'viem';
import { presenceSchema, subjects } from '#core/protocol';
import { JOB, succeeded } from '#io/messaging';
import { ErrorFilter } from '#io/rpc';
import { NetworkController } from './admin/network.controller.js';
import { NetworkStatusService } from './admin/network-status.js';
import { Assigner } from './assignment/assigner.js';
import { PresenceBoard } from './assignment/presence-board.js';
import { Stakes } from './assignment/stakes.js';
import { batchLedger } from './batching/batch-ledger.js';
import { BatchProofs } from './batching/batch-proofs.js';
import { Batcher } from './batching/batcher.js';
import { modelCache, momentary, type ModelById } from './caches.js';
import { DataServer } from './data/data-server.js';
import { ModelPublisher } from './data/model-publisher.js';
import { ModelsController } from './registration/models.controller.js';
import { ModelsService } from './registration/models.service.js';
import { ChainFollower, readUpTo } from './settlement/chain-follower.js';
import { JobFeed } from './submission/job-feed.js';
import { JobsController } from './submission/jobs.controller.js';
import { JobsService } from './submission/jobs.service.js';
import type { World } from './world.js';

/** The inventory of a coordinator. */
@Module({})
export class CoordinatorModule {
  static with(world: World): DynamicModule {
    const provide = <T>(token: new (...args: never[]) => T, inject: readonly unknown[], make: (...parts: never[]) => T) => ({ provide: token, inject: [...inject] as never[], useFactory: make });
    const board = new PresenceBoard(world.clock.now);
    const proofs = new BatchProofs((seq) => world.storage.batches.leavesOf(seq));
    const modelById = modelCache(world.storage.models);
    const publisher = new ModelPublisher(world.messaging.payloads, world.storage.artifacts);
    return {
      module: CoordinatorModule,
      controllers: [JobsController, ModelsController, NetworkController],
      providers: [
        { provide: APP_FILTER, useValue: new ErrorFilter(world.log) },
        { provide: PresenceBoard, useValue: board },
        provide(JobFeed, [], () => new JobFeed()),
        provide(JobsService, [JobFeed], (feed: JobFeed) => makeJobsService(world, { feed, proofs, modelById })),
        provide(ModelsService, [], () => makeModelsService(world, publisher)),
        provide(NetworkStatusService, [], () => makeNetworkStatus(world, board)),
        provide(Batcher, [], () => makeBatcher(world)),
        provide(Assigner, [Batcher], (batcher: Batcher) => makeAssigner(world, { board, batcher, modelById })),
        provide(ChainFollower, [], () => new ChainFollower({ chain: world.chain, storage: world.storage, now: world.clock.now, log: world.log })),
        provide(DataServer, [], () => new DataServer({ storage: world.storage, messaging: world.messaging, publisher })),
      ],
    };
  }
}

function makeJobsService({ chain, storage, config, clock, stopping }: World, { feed, proofs, modelById }: { feed: JobFeed; proofs: BatchProofs; modelById: ModelById }): JobsService {
  const { network } = chain;
  return new JobsService({
    acceptance: {
      network,
      price: config.ASSAY_JOB_PRICE,
      maxOpenJobs: config.ASSAY_MAX_OPEN_JOBS,
      jobs: storage.jobs,
      openJobs: momentary(() => storage.jobs.unanswered(), clock.now),
      modelById,
      balanceOf: (submitter) => chain.vault.balanceOf(submitter),
      contractSigned: async (address, hash, signature) => (await chain.client.getCode({ address })) !== undefined && chain.client.verifyHash({ address, hash, signature }),
      now: clock.now,
    },
    report: { network, storage, proofIn: proofs.proofIn },
    feed,
    stopping,
  });
}

function makeModelsService({ storage, config, clock }: World, { publish }: ModelPublisher): ModelsService {
  return new ModelsService({ models: storage.models, artifacts: storage.artifacts, publish, maxBytes: config.ASSAY_MODEL_MAX_BYTES, now: clock.now });
}

function makeNetworkStatus({ chain, config, storage, stopping }: World, board: PresenceBoard): NetworkStatusService {
  return new NetworkStatusService({ deployment: chain.deployment, coordinator: chain.account!, price: config.ASSAY_JOB_PRICE, storage, board, stopping });
}

function makeBatcher({ chain, storage, config, clock, log }: World): Batcher {
  const ledger = batchLedger(chain, () => readUpTo({ storage, chain }));
  return new Batcher({ batches: storage.batches, ledger, intervalMs: config.ASSAY_BATCH_INTERVAL_MS, maxClaims: config.ASSAY_BATCH_MAX, now: clock.now, log });
}

function makeAssigner(world: World, { board, batcher, modelById }: { board: PresenceBoard; batcher: Batcher; modelById: ModelById }): Assigner {
  const { chain, storage, config, clock, log } = world;
  const stakes = new Stakes({
    stakeOf: (executor) => chain.vault.stakeOf(executor),
    exposureOf: (executor) => chain.batches.exposureOf(executor),
    promisedBy: (executor) => storage.batches.promisedBy(executor),
    sampleRate: () => chain.batches.sampleRate(),
    now: clock.now,
  });
  return new Assigner({
    network: chain.network,
    coordinator: chain.account!,
    leaseMs: config.ASSAY_LEASE_MS,
    jobs: storage.jobs,
    modelById,
    inputsOf: (job) => storage.tensors.byRoots(job.inputs),
    stakes,
    ask: askOver(world),
    board,
    now: clock.now,
    log,
    onAnswer: () => batcher.noteAnswer(),
  });
}

function askOver({ messaging, clock }: World): ConstructorParameters<typeof Assigner>[0]['ask'] {
  return async (executor: Address, job, inputs) => {
    const payloads = await messaging.payloads.pack(inputs);
    const timeoutMs = Math.max(1, job.leaseUntil - clock.now());
    const { claim, signature, outputs } = succeeded(await messaging.request(subjects.job(executor), JOB, { ...job, inputs: payloads }, { timeoutMs }));
    return { claim, signature, outputs: await messaging.payloads.unpack(outputs, executor) };
  };
}

/** What executors and challengers say about themselves; the subject says who may have said it. */
export function followPresence({ messaging }: World, board: PresenceBoard, onExecutor: () => void) {
  const roles = ['executor', 'challenger'] as const;
  return roles.map((role) =>
    messaging.subscribe(
      `assay.presence.${role}.*`,
      presenceSchema,
      (presence, { subject }) => {
        if (presence.role !== role || subject !== subjects.presence(role, presence.address)) return;
        board.note(presence);
        if (role === 'executor') onExecutor();
      },
      { maxInFlight: 256 },
    ),
  );
}
