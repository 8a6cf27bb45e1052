import { randomBytes } from 'node:crypto';
import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { toHex } from 'viem';
import { gameIdOf } from '#core/dispute';
import { claimDigest, type Claim } from '#core/protocol';
import { ModelShelf } from '#io/artifacts';
import type { Chain } from '#io/chain';
import type { TestedModel } from '#io/inference';
import { fetchClaims, fetchInputs, Messaging } from '#io/messaging';
import { openChain, openMessaging, openModels, openPlayer } from '#participant';
import { systemClock, type Logger, type Monitoring } from '#platform';
import type { Player } from '#player';
import { checkBatch, type BatchCheckParts } from './checking/batch-check.js';
import { Gate } from './checking/gate.js';
import { Misconduct } from './checking/misconduct.js';
import { RightClaims } from './checking/right-claims.js';
import { challengerMetrics } from './checking/metrics.js';
import { checkTotals } from './checking/totals.js';
import { CaseInclusions } from './collecting/inclusions.js';
import { Payouts } from './collecting/payouts.js';
import type { ChallengerConfig } from './config.js';
import { Accusations } from './disputing/accusations.js';
import { accuseChecker, disputeOpening, type FalseEvidence, type FalseOpening } from './disputing/accusing.js';
import { CaseFiles } from './disputing/cases.js';
import { convict } from './disputing/convicting.js';
import { openDispute, withholdDispute, type OpeningParts } from './disputing/opening.js';
import { OwnTraces } from './disputing/own-traces.js';
import { PaidChecks } from './earning/paid-checks.js';
import { RoundFiles } from './earning/round-files.js';
import { keepSeat } from './earning/seat.js';
import { watchBatches, type SeenBatch } from './watching/batch-watch.js';
import { BlockCursor } from './watching/cursor.js';

export const CHAIN = Symbol('chain');
export const PLAYER = Symbol('player');
/** Watches and checks until its signal aborts. */
export const WATCH = Symbol('watch');
export type Watch = (signal: AbortSignal) => Promise<void>;

/** What main brings into the process. */
export interface ChallengerSetting {
  readonly config: ChallengerConfig;
  readonly log: Logger;
  readonly monitoring: Monitoring;
}

/** Batches whose claims are fetched at once. */
const MAX_FETCHES = 8;
/** Looks at the chain between looks for lost bonds: they take days. */
const PAYOUT_POLLS = 10;

/** The challenger: watches batches, checks its share, disputes what is wrong, collects what it won. */
@Module({})
export class ChallengerModule {
  static with(setting: ChallengerSetting): DynamicModule {
    return { module: ChallengerModule, providers: inventory(setting) };
  }
}

interface Rooms {
  readonly chain: Chain;
  readonly messaging: Messaging;
  readonly models: ModelShelf<TestedModel>;
  readonly cases: CaseFiles;
  readonly cursor: BlockCursor;
}

function inventory(setting: ChallengerSetting): Provider[] {
  const { config, log } = setting;
  const rooms = [CHAIN, Messaging, ModelShelf, CaseFiles, BlockCursor];
  const withRooms = <T>(make: (rooms: Rooms, setting: ChallengerSetting) => T) => ({
    inject: rooms,
    useFactory: (chain: Chain, messaging: Messaging, models: ModelShelf<TestedModel>, cases: CaseFiles, cursor: BlockCursor) => make({ chain, messaging, models, cases, cursor }, setting),
  });
  return [
    { provide: CHAIN, useFactory: () => openChain(config, log) },
    { provide: Messaging, useFactory: () => openMessaging('challenger', config, log) },
    { provide: ModelShelf, inject: [Messaging], useFactory: (messaging: Messaging) => openModels(config, messaging) },
    { provide: CaseFiles, useFactory: () => CaseFiles.open(config.ASSAY_DATA_DIR) },
    { provide: BlockCursor, useFactory: () => BlockCursor.open(config.ASSAY_DATA_DIR) },
    { provide: WATCH, inject: [...rooms, PLAYER], useFactory: (chain: Chain, messaging: Messaging, models: ModelShelf<TestedModel>, cases: CaseFiles, cursor: BlockCursor, player: Player) => watchOf({ chain, messaging, models, cases, cursor, player }, setting) },
    { provide: PLAYER, ...withRooms(disputingPlayer) },
  ];
}

function watchOf({ chain, messaging, models, cases, cursor, player }: Rooms & { readonly player: Player }, { config, log, monitoring }: ChallengerSetting): Watch {
  const address = chain.account!;
  const gate = new Gate(config.ASSAY_CHECKS);
  const metrics = challengerMetrics(monitoring.registry);
  const misconduct = new Misconduct(chain.network);
  const gameOf = (claim: Claim) => gameIdOf(claimDigest(chain.network, claim), address);
  const headTime = async () => (await chain.block()).timestamp;
  const accusations = new Accusations({ isKnown: (gameId) => player.game(gameId) !== undefined, clock: systemClock, log });
  return async (signal) => {
    const accuse = async (found: FalseEvidence): Promise<void> => {
      const gameId = await accuseChecker(found, { address, chain, cases, models, log });
      if (gameId) metrics.evidence('accused');
      if (gameId) accusations.note(found.batchId, gameId, () => accuse(found));
    };
    const dispute = async (found: FalseOpening): Promise<void> => {
      const gameId = await disputeOpening(found, { address, chain, cases, models, log });
      if (gameId) metrics.evidence('accused');
      if (gameId) accusations.note(found.batchId, gameId, () => dispute(found));
    };
    const earning = { address, chain, cases, fault: config.ASSAY_FAULT, salt: () => toHex(randomBytes(32)), metrics, clock: systemClock, signal, log };
    const paid = config.ASSAY_PAID_CHECKS && !config.ASSAY_WATCH_ONLY ? new PaidChecks({ ...earning, accuse, dispute, files: await RoundFiles.open(config.ASSAY_DATA_DIR) }) : undefined;
    await paid?.resume();
    const opening: OpeningParts = { address, chain, cases, models, clock: systemClock, signal, log };
    const parts: BatchCheckParts = {
      address,
      network: chain.network,
      chain: { ...chain, headTime },
      models,
      fetchInputs: (jobId) => fetchInputs(messaging, jobId),
      fetchClaims: (batchId, count) => fetchClaims(messaging, batchId, count),
      sampleAll: config.ASSAY_SAMPLE_ALL,
      demands: !config.ASSAY_WATCH_ONLY,
      maxChainLagS: config.ASSAY_MAX_CHAIN_LAG_S,
      gate,
      purse: new Gate(1),
      fetches: new Gate(MAX_FETCHES),
      onFinding: async (finding) => {
        if (finding.verdict.kind !== (config.ASSAY_LIE ? 'valid' : 'invalid')) return;
        if (config.ASSAY_WATCH_ONLY) return withholdDispute(finding, opening);
        await openDispute(finding, opening);
        accusations.note(finding.batch.batchId, gameOf(finding.batched.claim), () => openDispute(finding, opening));
      },
      ...(config.ASSAY_LIE ? {} : { right: await RightClaims.open(config.ASSAY_DATA_DIR) }),
      ...(paid ? { paid } : {}),
      misconduct,
      onEvidence: async (evidence) => {
        const send = () => convict(evidence, { ...opening, watchOnly: config.ASSAY_WATCH_ONLY });
        await send();
        if (!config.ASSAY_WATCH_ONLY) accusations.note(evidence.claim.batchId, gameOf(evidence.claim.claim), send);
      },
      onClaims: (batch, claims) => checkTotals(batch, claims, { chain, watchOnly: config.ASSAY_WATCH_ONLY, log }),
      metrics,
      clock: systemClock,
      signal,
      log,
    };
    const onBatch = async (batch: SeenBatch) => {
      await checkBatch(batch, parts);
      return accusations.hasAny(batch.batchId);
    };
    const seat = paid && keepSeat({ ...earning, onSeat: (seated) => metrics.seated(seated) });
    const payouts = new Payouts({ chain, self: address, pollMs: PAYOUT_POLLS * chain.client.pollingInterval, clock: systemClock, signal, log });
    await Promise.all([watchBatches({ chain, cursor, onBatch, signal, log }), accusations.run(signal), seat, ...(config.ASSAY_WATCH_ONLY ? [] : [payouts.run()])]);
    await paid?.idle();
  };
}

function disputingPlayer({ chain, models, cases, messaging }: Rooms, { config, log, monitoring }: ChallengerSetting): Promise<Player> {
  const traces = new OwnTraces({ cases, models, fetchInputs: (jobId) => fetchInputs(messaging, jobId), lie: config.ASSAY_LIE });
  return openPlayer(chain, { traces, inclusions: new CaseInclusions(chain.network, cases), watchOnly: config.ASSAY_WATCH_ONLY, log, monitoring });
}
