import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { privateKeyToAccount } from 'viem/accounts';
import { ModelShelf } from '#io/artifacts';
import type { Chain } from '#io/chain';
import type { TestedModel } from '#io/inference';
import { fetchInputs, Messaging } from '#io/messaging';
import { CONNECTING, openChain, openMessaging, openModels, openPlayer } from '#participant';
import { connectWithRetry, digestSigner, systemClock, type Logger, type Monitoring } from '#platform';
import type { Player } from '#player';
import { connect } from '#sdk';
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

/** The executor: takes jobs, runs them, signs claims, defends them. */
@Module({})
export class ExecutorModule {
  static with(setting: ExecutorSetting): DynamicModule {
    return { module: ExecutorModule, controllers: [JobController], providers: inventory(setting) };
  }
}

function inventory({ config, log, monitoring }: ExecutorSetting): Provider[] {
  const account = digestSigner(config.ASSAY_PRIVATE_KEY);
  return [
    { provide: CHAIN, useFactory: () => openChain(config, log) },
    { provide: Messaging, useFactory: () => openMessaging('executor', config, log) },
    { provide: ClaimLedger, useFactory: () => ClaimLedger.open(config.ASSAY_DATA_DIR) },
    { provide: ModelShelf, inject: [Messaging], useFactory: (messaging: Messaging) => openModels(config, messaging) },
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

interface Defence {
  readonly chain: Chain;
  readonly messaging: Messaging;
  readonly ledger: ClaimLedger;
  readonly models: ModelShelf<TestedModel>;
  readonly planter: Planter | undefined;
}

function defendingPlayer({ chain, messaging, ledger, models, planter }: Defence, { config, log, monitoring }: ExecutorSetting): Promise<Player> {
  const traces = new DefendedTraces({ network: chain.network, ledger, models, fetchInputs: (jobId) => fetchInputs(messaging, jobId) });
  return openPlayer(chain, { traces, watchOnly: config.ASSAY_WATCH_ONLY, log, monitoring, isHarmless: ({ known }) => planter?.isOpened(known.claim) ?? false });
}
