import { join } from 'node:path';
import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import type { Address } from 'viem';
import type { Root, Tensor } from '#core/hashing';
import { AssayError, cancelSchema, presenceSchema, PROTOCOL_VERSION, subjects, type Presence } from '#core/protocol';
import { Compiler } from '#io/compiling';
import { JOB, succeeded } from '#io/messaging';
import { ErrorFilter } from '#io/rpc';
import { callMetrics } from '#platform';
import type { Fence, ModelRecord, Storage } from '#io/storage';
import { AdminController } from './admin/admin.controller.js';
import { AdminService } from './admin/admin.service.js';
import { NetworkController } from './admin/network.controller.js';
import { NetworkLists } from './admin/network-lists.js';
import { NetworkStatusService } from './admin/network-status.js';
import { Assigner } from './assignment/assigner.js';
import { PresenceBoard } from './assignment/presence-board.js';
import { Stakes } from './assignment/stakes.js';
import { batchLedger, overcharging, understating } from './batching/batch-ledger.js';
import { BatchProofs } from './batching/batch-proofs.js';
import { Batcher } from './batching/batcher.js';
import { modelCache, momentary, type ModelById } from './caches.js';
import type { CoordinatorFault } from './config.js';
import { DataServer } from './data/data-server.js';
import { modelFile } from './data/model-files.js';
import { ModelPublisher } from './data/model-publisher.js';
import { Defender } from './defence/defender.js';
import { ModelsController } from './registration/models.controller.js';
import { PartialUploads } from './registration/partial-uploads.js';
import { ModelsService } from './registration/models.service.js';
import { Cleaner } from './retention/cleaner.js';
import { ChainFollower, readUpTo } from './settlement/chain-follower.js';
import { RoleKeeper, type Duty } from './roles/role-keeper.js';
import { accessCheck } from './submission/access.js';
import { CALLERS } from './submission/caller-limit.js';
import { JobFeed } from './submission/job-feed.js';
import { RateLimit } from './submission/rates.js';
import { JobsController } from './submission/jobs.controller.js';
import { JobsService } from './submission/jobs.service.js';
import { SUBMISSIONS } from './metrics.js';
import type { World } from './world.js';

/** The RoleKeepers of this process. */
export const ROLES = Symbol('roles');

/** The inventory of a coordinator. */
@Module({})
export class CoordinatorModule {
  static with(world: World): DynamicModule {
    const provide = <T>(token: new (...args: never[]) => T, inject: readonly unknown[], make: (...parts: never[]) => T) => ({ provide: token, inject: [...inject] as never[], useFactory: make });
    const board = new PresenceBoard(world.clock.now);
    const proofs = new BatchProofs((seq) => world.storage.batches.leavesOf(seq));
    const modelById = modelCache(world.storage.models);
    const compiler = compilerOf(world);
    const fileOf = fileOfIn(world, compiler);
    const callers = new RateLimit({ perSecond: world.config.ASSAY_CALLER_RATE, millis: () => performance.now() });
    const publisher = new ModelPublisher(world.messaging.payloads, fileOf);
    return {
      module: CoordinatorModule,
      controllers: [AdminController, JobsController, ModelsController, NetworkController],
      providers: [
        { provide: APP_FILTER, useValue: new ErrorFilter(world.log) },
        { provide: PresenceBoard, useValue: board },
        { provide: CALLERS, useValue: callers },
        provide(JobFeed, [], () => new JobFeed()),
        provide(JobsService, [JobFeed], (feed: JobFeed) => makeJobsService(world, { feed, proofs, modelById, board, callers })),
        { provide: AdminService, inject: [ROLES], useFactory: (roles: RoleKeeper[]) => makeAdmin(world, { roles, board }) },
        provide(ModelsService, [], () => makeModelsService(world, { publish: publisher.publish, compiler, fileOf })),
        provide(NetworkStatusService, [], () => makeNetworkStatus(world, board)),
        provide(NetworkLists, [], () => new NetworkLists({ chain: world.chain, config: world.config, storage: world.storage, board })),
        { provide: ROLES, useValue: roleKeepers(world, { board, modelById, proofs }) },
        provide(DataServer, [], () => new DataServer({ storage: world.storage, messaging: world.messaging, publisher, withhold: UNSERVED[world.config.ASSAY_FAULT] })),
      ],
    };
  }
}

interface JobRooms {
  readonly feed: JobFeed;
  readonly proofs: BatchProofs;
  readonly modelById: ModelById;
  readonly board: PresenceBoard;
  readonly callers: RateLimit;
}

function makeJobsService(world: World, { feed, proofs, modelById, board, callers }: JobRooms): JobsService {
  const { chain, storage, config, clock, gate, stopping, registry } = world;
  const { network } = chain;
  const stakes = makeStakes(world);
  const millis = () => performance.now();
  return new JobsService({
    acceptance: {
      network,
      price: config.ASSAY_JOB_PRICE,
      maxOpenJobs: config.ASSAY_MAX_OPEN_JOBS,
      jobs: storage.jobs,
      openJobs: momentary(() => storage.jobs.unanswered(), clock.now),
      modelById,
      balanceOf: (submitter) => chain.vault.balanceOf(submitter),
      highestCover: momentary(() => highestCover(board, stakes, async () => (await chain.batches.answeredFor(chain.account!)).limit), clock.now),
      coverFor: (job) => stakes.costOf(job),
      contractSigned: (address, hash, signature) => chain.contractSigned(address, hash, signature),
      rate: new RateLimit({ perSecond: config.ASSAY_SUBMITTER_RATE, millis }),
      gate,
      now: clock.now,
    },
    callers,
    report: { network, storage, proofIn: proofs.proofIn },
    jobs: storage.jobs,
    requireAccess: accessCheck({ network, contractSigned: (address, hash, signature) => chain.contractSigned(address, hash, signature), now: clock.now }),
    feed,
    metrics: callMetrics(registry, SUBMISSIONS),
    now: clock.now,
    stopping,
  });
}

/** Guesses of the token a second, by caller. */
const ADMIN_CALLS_PER_SECOND = 10;

function makeAdmin({ config, jobCounts, log, gate }: World, rooms: { roles: readonly RoleKeeper[]; board: PresenceBoard }): AdminService {
  const guesses = new RateLimit({ perSecond: ADMIN_CALLS_PER_SECOND, millis: () => performance.now() });
  return new AdminService({ tokenHash: config.ASSAY_ADMIN_TOKEN_SHA256, guesses, jobCounts, gate, log, ...rooms });
}

/** By executors' stakes, within what this coordinator's own bond answers for. */
async function highestCover(board: PresenceBoard, stakes: Stakes, own: () => Promise<bigint>): Promise<bigint | undefined> {
  const limits = await Promise.all(board.present('executor').map(({ address }) => stakes.limitOf(address)));
  if (limits.length === 0) return undefined;
  const [highest, most] = [limits.reduce((high, limit) => (limit > high ? limit : high)), await own()];
  return highest < most ? highest : most;
}

function compilerOf({ config }: World): Compiler {
  return new Compiler({ maxBytes: config.ASSAY_MODEL_MAX_BYTES, memoryBytes: config.ASSAY_MODEL_MEMORY_MB * 2 ** 20, callMs: config.ASSAY_MODEL_TIME_LIMIT_MS });
}

function fileOfIn({ storage, messaging }: World, compiler: Compiler) {
  return (model: ModelRecord) => modelFile({ artifacts: storage.artifacts, payloads: messaging.payloads, compiler }, model);
}

function makeModelsService({ storage, config, clock }: World, rooms: Pick<ModelsService['parts'], 'publish' | 'compiler' | 'fileOf'>): ModelsService {
  return new ModelsService({ ...rooms, models: storage.models, artifacts: storage.artifacts, uploads: new PartialUploads(join(config.ASSAY_DATA_DIR, 'uploads'), clock.now), maxBytes: config.ASSAY_MODEL_MAX_BYTES, now: clock.now });
}

function makeNetworkStatus({ chain, config, storage, jobCounts, stopping, clock }: World, board: PresenceBoard): NetworkStatusService {
  return new NetworkStatusService({ deployment: chain.deployment, coordinator: chain.account!, price: config.ASSAY_JOB_PRICE, storage, jobCounts, board, stopping, now: clock.now });
}

/** Tests only. */
const UNSERVED: Partial<Record<CoordinatorFault, 'claims' | 'inputs'>> = { withhold: 'claims', 'withhold-inputs': 'inputs', 'late-inputs': 'inputs' };
const MUTE: readonly CoordinatorFault[] = ['withhold', 'withhold-inputs'];
const DEFENCE_POLL_MS = 1_000;

/** What only one process of this coordinator does at a time. */
function roleKeepers(world: World, rooms: { board: PresenceBoard; modelById: ModelById; proofs: BatchProofs }): RoleKeeper[] {
  const { storage, chain, clock, config, log } = world;
  const keeper = (role: string, begin: (fence: Fence) => Duty) => new RoleKeeper({ role, roles: storage.roles, holder: world.self, begin, millis: () => performance.now(), log });
  return [
    keeper('assignment', (fence) => makeAssigner(world, { ...rooms, fence })),
    keeper('batching', (fence) => makeBatcher(world, fence)),
    keeper('settlement', (fence) => new ChainFollower({ chain, storage, now: clock.now, log, fence, onProblem: (text) => world.chainProblem.set(text) })),
    keeper('retention', (fence) => new Cleaner({ retention: storage.retention, payloads: world.messaging.payloads, retentionMs: config.ASSAY_RETENTION_S * 1_000, now: clock.now, log, fence })),
    ...(MUTE.includes(config.ASSAY_FAULT) ? [] : [keeper('defence', (fence) => new Defender({ chain, batches: storage.batches, cursors: storage.cursors, proofIn: rooms.proofs.proofIn, inputsOf: inputsIn(storage), pollMs: DEFENCE_POLL_MS, log, fence }))]),
  ];
}

function inputsIn({ jobs, tensors }: Storage): (jobId: Root) => Promise<Tensor[]> {
  return async (jobId) => {
    const job = await jobs.byId(jobId);
    if (!job) throw new AssayError({ code: 'JOB_UNKNOWN', facts: { jobId } });
    return tensors.byRoots(job.inputs);
  };
}

function makeBatcher({ chain, storage, config, clock, log }: World, fence: Fence): Batcher {
  const honest = batchLedger(chain, () => readUpTo({ storage, chain }));
  const ledger = config.ASSAY_FAULT === 'overcharge' ? overcharging(honest) : config.ASSAY_FAULT === 'understate' ? understating(honest) : honest;
  return new Batcher({ batches: storage.batches, ledger, intervalMs: config.ASSAY_BATCH_INTERVAL_MS, maxClaims: config.ASSAY_BATCH_MAX, now: clock.now, log, fence });
}

function makeAssigner(world: World, { board, modelById, fence }: { board: PresenceBoard; modelById: ModelById; fence: Fence }): Assigner {
  const { chain, storage, messaging, config, clock, log } = world;
  return new Assigner({
    network: chain.network,
    coordinator: chain.account!,
    leaseMs: config.ASSAY_LEASE_MS,
    jobs: storage.jobs,
    modelById,
    inputsOf: (job) => storage.tensors.byRoots(job.inputs),
    stakes: makeStakes(world),
    ask: askOver(world),
    callOff: (executor, jobId) => messaging.publish(subjects.cancel(executor), cancelSchema, { jobId }),
    board,
    now: clock.now,
    log,
    fence,
  });
}

function makeStakes({ chain, storage, clock }: World): Stakes {
  return new Stakes({
    stakeOf: (executor) => chain.vault.stakeOf(executor),
    exposureOf: (executor) => chain.batches.exposureOf(executor),
    promisedBy: (executor) => storage.batches.promisedBy(executor),
    sampleRate: () => chain.batches.sampleRate(),
    bountyBps: async () => (await chain.disputes.parameters()).bountyBps,
    now: clock.now,
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
export function followPresence({ messaging, log }: World, board: PresenceBoard, onExecutor: () => void) {
  const strangers = new Set<string>();
  const roles = ['executor', 'challenger'] as const;
  return roles.map((role) =>
    messaging.subscribe(
      `assay.presence.${role}.*`,
      presenceSchema,
      (presence, { subject }) => {
        if (presence.role !== role || subject !== subjects.presence(role, presence.address)) return;
        if (presence.protocol !== PROTOCOL_VERSION) return sayOnce(strangers, presence, log);
        board.note(presence);
        if (role === 'executor') onExecutor();
      },
      { maxInFlight: 256 },
    ),
  );
}

const MAX_STRANGERS = 4_096;

/** A process that speaks another version of the protocol gets no work; that is said once for each. */
function sayOnce(strangers: Set<string>, { role, address, version, protocol }: Presence, log: World['log']): void {
  const key = `${address} ${protocol}`;
  if (strangers.has(key) || strangers.size >= MAX_STRANGERS) return;
  strangers.add(key);
  const { code, message, remedy } = new AssayError({ code: 'PEER_INCOMPATIBLE', message: `${role} ${address} (${version}) speaks protocol ${protocol}, this coordinator ${PROTOCOL_VERSION}` });
  log.warn({ event: 'peer.incompatible', code, role, address, version, protocol, remedy }, message);
}
