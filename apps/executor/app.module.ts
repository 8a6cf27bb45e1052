import { join } from 'node:path';
import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { parseGwei } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import type { Root } from '#core/hashing';
import { DEFAULT_LIMITS } from '#core/onnx';
import { ModelShelf } from '#io/artifacts';
import { Compiler } from '#io/compiling';
import { addressOf, connectChain, gamesOn, readDeployment, type Chain } from '#io/chain';
import { openTested, Quarantine, type TestedModel } from '#io/inference';
import { connectMessaging, fetchInputs, fetchModelFile, Messaging } from '#io/messaging';
import { connectWithRetry, natsTls, systemClock, type Logger, type Monitoring } from '#platform';
import { connect } from '#sdk';
import { countReports, createPlayer, disputeAlarm, reportTo, watchGames, type Player } from '#player';
import { CanaryRecords } from './canaries/records.js';
import { Planter } from './canaries/planter.js';
import { ServedJobs } from './canaries/served-jobs.js';
import { ClaimSigner } from './claiming/claim-signer.js';
import { ClaimLedger } from './claiming/ledger.js';
import { plantsCanaries, type ExecutorConfig } from './config.js';
import { DefendedTraces } from './defence/defended-traces.js';
import { JobAnswering } from './execution/job-answering.js';
import { JobController } from './execution/job.controller.js';
import { executorMetrics } from './execution/metrics.js';

export const CHAIN = Symbol('chain');
export const PLAYER = Symbol('player');
/** A Planter, if this executor plants canaries. */
export const PLANTER = Symbol('planter');

/** What main brings into the process. */
export interface ExecutorSetting {
  readonly config: ExecutorConfig;
  readonly log: Logger;
  readonly monitoring: Monitoring;
}

const MAX_LOADED_MODELS = 8;
const SELF_TEST_SEED = 1;
/** About half a minute of attempts at start. */
const CONNECTING = { attempts: 20, firstDelayMs: 100, maxDelayMs: 2_000, clock: systemClock };

/** The executor: takes jobs, runs them, signs claims, defends them. */
@Module({})
export class ExecutorModule {
  static with(setting: ExecutorSetting): DynamicModule {
    return { module: ExecutorModule, controllers: [JobController], providers: inventory(setting) };
  }
}

function inventory({ config, log, monitoring }: ExecutorSetting): Provider[] {
  const account = privateKeyToAccount(config.ASSAY_PRIVATE_KEY);
  return [
    { provide: CHAIN, useFactory: () => openChain(config, log) },
    { provide: Messaging, useFactory: () => openMessaging(config, log) },
    { provide: ClaimLedger, useFactory: () => ClaimLedger.open(config.ASSAY_DATA_DIR) },
    { provide: ModelShelf, inject: [Messaging], useFactory: (messaging: Messaging) => modelShelf(config, messaging) },
    {
      provide: JobAnswering,
      inject: [CHAIN, Messaging, ClaimLedger, ModelShelf, PLANTER],
      useFactory: (chain: Chain, messaging: Messaging, ledger: ClaimLedger, models: ModelShelf<TestedModel>, planter: Planter | undefined) =>
        new JobAnswering({
          address: account.address,
          network: chain.network,
          capacity: config.ASSAY_CAPACITY,
          fault: config.ASSAY_FAULT,
          faultEvery: config.ASSAY_FAULT_EVERY,
          planter,
          models,
          payloads: messaging.payloads,
          ledger,
          signer: new ClaimSigner(account, chain.network, ledger),
          contractSigned: chain.contractSigned,
          metrics: executorMetrics(monitoring.registry),
          clock: systemClock,
          log,
        }),
    },
    {
      provide: PLANTER,
      inject: [ClaimLedger, ModelShelf],
      useFactory: (ledger: ClaimLedger, models: ModelShelf<TestedModel>) => canaryPlanter({ ledger, models }, { config, log }),
    },
    {
      provide: PLAYER,
      inject: [CHAIN, Messaging, ClaimLedger, ModelShelf, PLANTER],
      useFactory: (chain: Chain, messaging: Messaging, ledger: ClaimLedger, models: ModelShelf<TestedModel>, planter: Planter | undefined) => defendingPlayer({ chain, messaging, ledger, models, planter }, { config, log, monitoring }),
    },
  ];
}

/** With accounts and a connection of its own: to the coordinator it is one more submitter. */
async function canaryPlanter(parts: { ledger: ClaimLedger; models: ModelShelf<TestedModel> }, { config, log }: Pick<ExecutorSetting, 'config' | 'log'>): Promise<Planter | undefined> {
  if (!plantsCanaries(config)) return undefined;
  const { ASSAY_CANARY_KEY, ASSAY_CANARY_SUBMITTER_KEY, ASSAY_CANARY_COORDINATOR, ASSAY_CANARY_TLS, ASSAY_CANARY_INTERVAL } = config;
  const chain = await openChain({ ...config, ASSAY_PRIVATE_KEY: ASSAY_CANARY_KEY }, log);
  const [executor, submitter] = [privateKeyToAccount(config.ASSAY_PRIVATE_KEY), privateKeyToAccount(ASSAY_CANARY_SUBMITTER_KEY)];
  const open = () => connect({ url: ASSAY_CANARY_COORDINATOR, deployment: chain.deployment, account: submitter, ...(ASSAY_CANARY_TLS ? { tls: {} } : {}) });
  const assay = await connectWithRetry(open, { ...CONNECTING, what: 'coordinator', code: 'COORDINATOR_UNREACHABLE', log });
  const records = await CanaryRecords.open(config.ASSAY_DATA_DIR);
  return new Planter({ ...parts, served: new ServedJobs(), chain, executor, submitter, records, assay, clock: systemClock, intervalMs: ASSAY_CANARY_INTERVAL * 1_000, log });
}

async function openChain(config: ExecutorConfig, log: Logger): Promise<Chain> {
  const deployment = await readDeployment(config.ASSAY_DEPLOYMENT);
  // SAFETY: without the key nothing can be sent, whatever asks for it.
  const who = config.ASSAY_WATCH_ONLY ? { account: addressOf(config.ASSAY_PRIVATE_KEY) } : { privateKey: config.ASSAY_PRIVATE_KEY };
  const connect = () => connectChain({ rpcUrl: config.ASSAY_RPC_URL, deployment, feeCap: parseGwei(String(config.ASSAY_FEE_CAP_GWEI)), finalityDepth: BigInt(config.ASSAY_FINALITY_DEPTH), ...who });
  return connectWithRetry(connect, { ...CONNECTING, what: 'chain', code: 'CHAIN_UNREACHABLE', log });
}

function openMessaging(config: ExecutorConfig, log: Logger): Promise<Messaging> {
  const { address } = privateKeyToAccount(config.ASSAY_PRIVATE_KEY);
  const connect = () => connectMessaging({ url: config.ASSAY_NATS_URL, seed: config.ASSAY_NATS_SEED, ...natsTls(config), role: 'executor', address, log });
  return connectWithRetry(connect, { ...CONNECTING, what: 'broker', code: 'BROKER_UNREACHABLE', log });
}

function modelShelf(config: ExecutorConfig, messaging: Messaging): ModelShelf<TestedModel> {
  const bounds = { memoryBytes: config.ASSAY_MODEL_MEMORY_MB * 2 ** 20, callMs: config.ASSAY_MODEL_TIME_LIMIT_MS };
  const apart = { quarantine: new Quarantine(), ...bounds };
  const compiler = new Compiler({ maxBytes: DEFAULT_LIMITS.bytes, ...bounds });
  // SAFETY: what a file does to its reader it does to a process of its own first; here is read only what did no harm there.
  const fetch = async (modelId: Root) => {
    const file = await fetchModelFile(messaging, modelId, DEFAULT_LIMITS.bytes);
    await compiler.idOf(file);
    return file;
  };
  const source = { fetch, load: (file: Uint8Array) => openTested(file, { seed: SELF_TEST_SEED, apart }) };
  return new ModelShelf<TestedModel>(source, { dir: join(config.ASSAY_DATA_DIR, 'models'), maxLoaded: MAX_LOADED_MODELS });
}

interface Defence {
  readonly chain: Chain;
  readonly messaging: Messaging;
  readonly ledger: ClaimLedger;
  readonly models: ModelShelf<TestedModel>;
  readonly planter: Planter | undefined;
}

async function defendingPlayer({ chain, messaging, ledger, models, planter }: Defence, { config, log, monitoring }: ExecutorSetting): Promise<Player> {
  const games = gamesOn(chain);
  const traces = new DefendedTraces({ network: chain.network, ledger, models, fetchInputs: (jobId) => fetchInputs(messaging, jobId) });
  const { payoutDelay } = await chain.disputes.parameters();
  const player = createPlayer({
    account: chain.account!,
    feed: games.feed,
    chain: games.view,
    sender: games.sender,
    traces,
    payoutDelay,
    fromBlock: BigInt(chain.deployment.deployedBlock),
    watchOnly: config.ASSAY_WATCH_ONLY,
    report: countReports(monitoring.registry, reportTo(log)),
    millis: () => performance.now(),
  });
  watchGames(monitoring.registry, player);
  monitoring.check('disputes', () => disputeAlarm({ games: () => player.games().filter(({ known: { claim } }) => !planter?.isOpened(claim)) }, { watchOnly: config.ASSAY_WATCH_ONLY, now: () => BigInt(Math.floor(systemClock.now() / 1000)) }));
  return player;
}
