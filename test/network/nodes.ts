import type { Address, PrivateKeyAccount } from 'viem';
import type { Root, Tensor } from '#core/hashing';
import { gameIdOf } from '#core/dispute';
import { AssayError, claimDigest, PRESENCE_INTERVAL_MS, PROTOCOL_VERSION, type Answer, type Job, type Presence } from '#core/protocol';
import { DEFAULT_PROFILE } from '#core/onnx';
import { PayloadStore } from '#io/messaging';
import type { ModelRecord } from '#io/storage';
import { createLogger, Registry, type Clock } from '#platform';
import { createPlayer } from '#player';
import { Assigner } from '../../apps/coordinator/assignment/assigner.js';
import { PresenceBoard } from '../../apps/coordinator/assignment/presence-board.js';
import { Stakes } from '../../apps/coordinator/assignment/stakes.js';
import { Batcher } from '../../apps/coordinator/batching/batcher.js';
import { RoleKeeper } from '../../apps/coordinator/roles/role-keeper.js';
import { ChainFollower } from '../../apps/coordinator/settlement/chain-follower.js';
import { acceptJob, type Submission } from '../../apps/coordinator/submission/acceptance.js';
import { ClaimSigner } from '../../apps/executor/claiming/claim-signer.js';
import type { LedgerEntry } from '../../apps/executor/claiming/ledger.js';
import type { FaultName } from '../../apps/executor/config.js';
import { DefendedTraces } from '../../apps/executor/defence/defended-traces.js';
import { JobAnswering } from '../../apps/executor/execution/job-answering.js';
import { executorMetrics } from '../../apps/executor/execution/metrics.js';
import { checkBatch } from '../../apps/challenger/checking/batch-check.js';
import { Gate } from '../../apps/challenger/checking/gate.js';
import { challengerMetrics } from '../../apps/challenger/checking/metrics.js';
import { Misconduct } from '../../apps/challenger/checking/misconduct.js';
import type { Case } from '../../apps/challenger/disputing/cases.js';
import { Accusations } from '../../apps/challenger/disputing/accusations.js';
import { openDispute, type OpeningParts } from '../../apps/challenger/disputing/opening.js';
import { OwnTraces } from '../../apps/challenger/disputing/own-traces.js';
import { watchBatches } from '../../apps/challenger/watching/batch-watch.js';
import type { Position } from '../../apps/challenger/watching/cursor.js';
import type { FakeChain } from './chain.js';
import { NETWORK, TERMS } from './contracts.js';
import type { FakeDatabase } from './database.js';
import { MODEL, SHELF } from './model.js';
import type { Life } from './time.js';
import { remote, type Links } from './world.js';

export const PRICE = 10n ** 15n;
const LEASE_MS = 5_000;
const BATCH_MS = 1_000;
const log = createLogger({ name: 'network', level: 'silent' });
const now = () => Date.now();
const millis = () => performance.now();
/** WHY this and not the platform's: that one keeps the process's own timers. */
const clock: Clock = { now, sleep: (ms, signal) => new Promise((resolve) => void (signal?.aborted ? resolve() : setTimeout(resolve, ms))) };
/** Tensors of this size are in the message. */
const payloads = new PayloadStore(undefined as never, 'coordinator');
const record = { modelId: MODEL.manifest.modelId, names: ['small'], file: 'none', bytes: MODEL.onnx.length, signature: MODEL.manifest.signature, profile: MODEL.manifest.profile, registeredAt: new Date(0) } as unknown as ModelRecord;
const network = NETWORK;

/** What all processes share, and who is there. */
export interface Setting {
  readonly links: Links;
  readonly chain: FakeChain;
  readonly database: FakeDatabase;
  readonly coordinator: PrivateKeyAccount;
  /** Lives that presences go to. */
  readonly coordinators: Map<Life, RunningCoordinator>;
  /** Who answers jobs at an address now. */
  readonly executors: Map<string, { readonly life: Life; answer(job: Job): Promise<Answer> }>;
}

export interface RunningCoordinator {
  readonly board: PresenceBoard;
  submit(submission: Submission): Promise<void>;
}

/** A coordinator process: submission, and the three roles when it holds them. */
export function startCoordinator(setting: Setting, life: Life): void {
  const { links, database } = setting;
  const stores = { jobs: remote(links, 'database', database.jobs), batches: remote(links, 'database', database.batches), disputes: remote(links, 'database', database.disputes), cursors: remote(links, 'database', database.cursors), roles: remote(links, 'database', database.roles), tensors: remote(links, 'database', database.tensors) };
  const chain = setting.chain.connection(setting.coordinator.address);
  const board = new PresenceBoard(now);
  const stakes = () => new Stakes({ stakeOf: chain.stakeOf, exposureOf: chain.exposureOf, promisedBy: (executor) => stores.batches.promisedBy(executor) as never, sampleRate: async () => TERMS.rate, bountyBps: async () => TERMS.bountyBps, now });
  const duties = {
    assignment: (fence: never) => new Assigner({ network, coordinator: setting.coordinator.address, leaseMs: LEASE_MS, jobs: stores.jobs as never, modelById: async () => record, inputsOf: (job) => stores.tensors.byRoots(job.inputs) as never, stakes: stakes(), ask: asker(setting), callOff: () => undefined, board, now, log, fence }),
    batching: (fence: never) => new Batcher({ batches: stores.batches as never, ledger: chain.ledger as never, intervalMs: BATCH_MS, maxClaims: 64, now, log, fence }),
    settlement: (fence: never) => new ChainFollower({ chain: chain as never, storage: stores as never, now, log, fence, onProblem: () => undefined }),
  };
  const keepers = Object.entries(duties).map(([role, begin]) => new RoleKeeper({ role, roles: stores.roles as never, holder: life.name, begin: begin as never, millis, log }));
  database.onJobChange((change) => links.time.start(life, () => keepers.forEach((keeper) => keeper.note(change)), 5));
  for (const keeper of keepers) keeper.start();
  const highest = stakes();
  const acceptance = {
    ...{ network, price: PRICE, maxOpenJobs: 1_000, jobs: stores.jobs as never, openJobs: async () => new Map<string, number>(), modelById: async () => record, balanceOf: async () => 10n ** 24n },
    ...{ coverFor: (job: { insuredValue: bigint; fee: bigint }) => highest.costOf(job), highestCover: async () => undefined, contractSigned: async () => false, gate: { draining: false }, rate: { take: () => undefined }, now },
  };
  setting.coordinators.set(life, { board, submit: async (submission) => void (await acceptJob(acceptance as never, submission)) });
}

/** A request over the broker: the handler runs in the executor's life. Nobody listens for one that is not there; what a cut link swallows is waited for. */
function asker({ links, executors }: Setting) {
  return async (executor: Address, job: Omit<Job, 'inputs'>, inputs: readonly Tensor[]) => {
    const message: Job = { ...job, inputs: await payloads.pack(inputs) };
    const asked = links.call('broker', () => {
      const there = executors.get(executor.toLowerCase());
      if (!there?.life.alive) throw new AssayError({ code: 'PEER_SILENT', facts: { received: false } });
      return new Promise<Answer>((resolve) => {
        const back = links.time.own(resolve);
        for (let copies = links.copies(); copies > 0; copies--) links.time.start(there.life, () => void there.answer(message).then(back));
      });
    });
    const late = new Promise<never>((_, reject) => void setTimeout(() => reject(new AssayError({ code: 'PEER_SILENT' })), Math.max(1, job.leaseUntil - now())));
    late.catch(() => undefined);
    const answer = await Promise.race([asked.catch((error: AssayError) => ('received' in error.facts ? Promise.reject(error) : late)), late]);
    if ('failure' in answer) throw new AssayError({ code: answer.failure.code as 'INTERNAL', message: answer.failure.message });
    return { claim: answer.claim, signature: answer.signature, outputs: await payloads.unpack(answer.outputs) };
  };
}

function announce({ links, coordinators }: Setting, presence: () => Presence): void {
  const tell = () => void links.call('broker', () => coordinators.forEach(({ board }, life) => life.alive && board.note(presence()))).catch(() => undefined);
  tell();
  setInterval(tell, PRESENCE_INTERVAL_MS);
}

/** What survives a player's process. */
export class Disk {
  private readonly entries = new Map<Root, { readonly entry: LedgerEntry; readonly inputs: readonly Tensor[] }>();
  readonly cases = new Map<Root, Case>();
  readonly right = new Set<Root>();
  position: Position | undefined;

  claimFor(jobId: Root): LedgerEntry['claim'] | undefined {
    return this.entries.get(jobId)?.entry.claim;
  }

  /** As claiming/ledger.ts: at most one claim for a job. */
  readonly ledger = {
    find: async (jobId: Root) => this.entries.get(jobId)?.entry,
    record: async (signed: Omit<LedgerEntry, 'inputs'>, inputs: readonly Tensor[]): Promise<LedgerEntry> => {
      const first = this.entries.get(signed.claim.jobId);
      if (first && claimDigest(network, first.entry.claim) !== claimDigest(network, signed.claim)) throw new AssayError({ code: 'STATE_CONFLICT' });
      const entry = first?.entry ?? { ...signed, inputs: [] };
      if (!first) this.entries.set(signed.claim.jobId, { entry, inputs });
      return entry;
    },
    inputsOf: async (entry: LedgerEntry) => [...this.entries.get(entry.claim.jobId)!.inputs],
  };
}

export interface Person {
  readonly account: PrivateKeyAccount;
  readonly disk: Disk;
  readonly fault: FaultName;
}

export function startExecutor(setting: Setting, life: Life, { account, disk, fault }: Person): void {
  const chain = setting.chain.connection(account.address);
  const answering = new JobAnswering({ address: account.address, network, capacity: 4, fault, faultEvery: 2, models: SHELF, payloads, ledger: disk.ledger, signer: new ClaimSigner(account, network, disk.ledger), contractSigned: async () => false, metrics: executorMetrics(new Registry()), clock, log });
  setting.executors.set(account.address.toLowerCase(), { life, answer: (job) => answering.answer(job) });
  announce(setting, () => answering.presence());
  const traces = new DefendedTraces({ network, ledger: disk.ledger, models: SHELF, fetchInputs: inputsFrom(setting) });
  play({ account, games: chain.games, traces });
}

export function startChallenger(setting: Setting, life: Life, { account, disk, fault }: Person): void {
  const { address } = account;
  const chain = setting.chain.connection(address);
  const signal = new AbortController().signal;
  const cases = { keep: async (digest: Root, one: Case) => void disk.cases.set(digest, one), find: async (digest: Root) => disk.cases.get(digest) };
  const fetchInputs = inputsFrom(setting);
  const lie = fault !== 'none';
  const player = play({ account, games: chain.games, traces: new OwnTraces({ cases, models: SHELF, fetchInputs, lie }) });
  const opening: OpeningParts = { address, chain: chain as never, cases, models: SHELF, clock, signal, log };
  const accusations = new Accusations({ isKnown: (gameId) => player.game(gameId) !== undefined, clock, log });
  const parts = {
    ...{ address, network, chain: chain as never, models: SHELF, fetchInputs, fetchClaims: claimsFrom(setting), sampleAll: false, demands: false, maxChainLagS: 120, gate: new Gate(1), purse: new Gate(1), fetches: new Gate(8) },
    ...{ misconduct: new Misconduct(network), onEvidence: async () => undefined, onClaims: async () => undefined, metrics: challengerMetrics(new Registry()), clock, signal, log },
    ...(lie ? {} : { right: { has: (digest: Root) => disk.right.has(digest), add: async (digest: Root) => void disk.right.add(digest) } }),
    onFinding: async (finding: Parameters<typeof openDispute>[0]) => {
      if (finding.verdict.kind !== (lie ? 'valid' : 'invalid') || (lie && disk.cases.size >= 2)) return;
      await openDispute(finding, opening);
      accusations.note(finding.batch.batchId, gameIdOf(claimDigest(network, finding.batched.claim), address), () => openDispute(finding, opening));
    },
  };
  const cursor = { read: async () => disk.position, write: async (position: Position) => void (disk.position = position) };
  const onBatch = async (batch: Parameters<typeof checkBatch>[0]) => (await checkBatch(batch, parts), accusations.hasAny(batch.batchId));
  void watchBatches({ chain: chain as never, cursor, onBatch, signal, log });
  void accusations.run(signal);
  announce(setting, () => ({ protocol: PROTOCOL_VERSION, role: 'challenger', address, version: life.name, profile: DEFAULT_PROFILE.id, models: [], capacity: 1, running: 0 }));
}

function play({ account, games, traces }: { account: PrivateKeyAccount; games: ReturnType<FakeChain['connection']>['games']; traces: Parameters<typeof createPlayer>[0]['traces'] }) {
  const player = createPlayer({ account: account.address, feed: games.feed, chain: games.view, sender: games.sender, traces, payoutDelay: TERMS.payoutDelay, fromBlock: 0n, report: () => undefined, millis });
  player.start();
  return player;
}

/** Served by any coordinator that lives, from the database. */
function served<T>({ links, coordinators }: Setting, read: () => T): Promise<T> {
  return links.call('broker', async () => {
    if (![...coordinators.keys()].some(({ alive }) => alive)) throw new AssayError({ code: 'PEER_SILENT' });
    return links.call('database', read);
  });
}

function inputsFrom(setting: Setting) {
  const { database } = setting;
  return (jobId: Root): Promise<Tensor[]> => served(setting, () => database.tensors.byRoots(database.jobs.byId(jobId)?.inputs ?? [jobId]));
}

function claimsFrom(setting: Setting) {
  const { database, chain } = setting;
  return (batchId: bigint) => served(setting, () => database.batches.served(chain.contracts.batches[Number(batchId) - 1]?.root));
}
