import { isAddressEqual, type Address } from 'viem';
import { ZERO_ROOT, type Root, type Tensor } from '#core/hashing';
import { asAssayError, checkWindow, claimDigest, evidenceClaim, isDrawnForClaim, nextCheckStep, type CheckStep, type CheckWindow } from '#core/protocol';
import { chargedIn, type BatchWord, type Chain } from '#io/chain';
import type { Clock, Logger } from '#platform';
import type { PlacedClaim } from '../checking/batch-claims.js';
import type { EarningMetrics } from '../checking/metrics.js';
import type { TracedRun } from '../checking/traced-run.js';
import type { CheckFault } from '../config.js';
import type { FalseEvidence, FalseOpening } from '../disputing/accusing.js';
import type { CaseFiles } from '../disputing/cases.js';
import type { SeenBatch } from '../watching/batch-watch.js';
import { evidenceOf, shownBy } from './faults.js';
import type { RoundFiles } from './round-files.js';
import { Round } from './round.js';

export interface PaidChecksParts {
  readonly address: Address;
  readonly chain: Pick<Chain, 'batches' | 'canaries' | 'checks' | 'beacons' | 'provenBeacon' | 'now' | 'vault' | 'network'>;
  readonly files: Pick<RoundFiles, 'keep' | 'all' | 'drop'>;
  readonly cases: Pick<CaseFiles, 'keep'>;
  readonly accuse: (found: FalseEvidence) => Promise<void>;
  readonly dispute: (found: FalseOpening) => Promise<void>;
  readonly fault: CheckFault;
  /** 32 random bytes. */
  readonly salt: () => Root;
  readonly metrics: EarningMetrics;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** What was run of a batch, as it becomes known. */
export interface BatchRuns {
  note(batched: PlacedClaim, run: TracedRun, inputs: readonly Tensor[]): Promise<void>;
  /** Nothing more comes. */
  complete(): Promise<void>;
}

/** Batches at once; in a day's window that is one every twenty seconds. */
const MAX_ROUNDS = 4_096;
const MIN_PAUSE_MS = 250;
const MAX_PAUSE_MS = 30_000;

/** Takes part in the paid checks of batches: commits to what its runs gave, reveals it, holds what others reveal against it, collects. */
export class PaidChecks {
  private readonly rounds = new Map<bigint, Round>();
  private readonly playing = new Set<Promise<void>>();

  constructor(private readonly parts: PaidChecksParts) {}

  /** Goes on with what an earlier life left. */
  async resume(): Promise<void> {
    for (const record of await this.parts.files.all()) this.start(Round.of(record));
  }

  async idle(): Promise<void> {
    await Promise.all(this.playing);
  }

  /** Whether this account has a seat that counts for the batch: then it is drawn by claim. */
  async isSeatedFor({ block }: Pick<SeenBatch, 'block'>): Promise<boolean> {
    const since = await this.parts.chain.checks.seatedAt(this.parts.address);
    return since > 0n && since < block;
  }

  async open({ batchId, root, block }: SeenBatch, beacon: Root): Promise<BatchRuns> {
    const { address, chain, cases, files, fault } = this.parts;
    const known = this.rounds.get(batchId);
    const same = known?.batch.root === root && known.batch.beacon === beacon;
    const round = same ? known : new Round({ batchId, root, beacon });
    const rate = BigInt((await chain.batches.batch(batchId)).sampleRate);
    const seated = await this.isSeatedFor({ block });
    if (!same && this.rounds.size < MAX_ROUNDS) this.start(round);
    return {
      note: async ({ claim, digest, request, proof }, run, inputs) => {
        const drawn = seated && isDrawnForClaim(beacon, address, { claim: digest, rate });
        const evidence = evidenceOf({ claim: digest, ...run }, fault);
        // WHY both: by the claim to accuse another checker, by what this one makes of it to defend itself, inputs included.
        await cases.keep(digest, { claim, request, batchId, proof, inputs });
        const own = evidenceClaim(claim, { checker: address, outputRoot: evidence.outputRoot });
        if (drawn) await cases.keep(claimDigest(chain.network, own), { claim: own, request, batchId, proof, inputs });
        round.note({ ...evidence, proof, drawn });
      },
      complete: async () => {
        round.freeze(this.parts.salt());
        if (this.rounds.get(batchId) === round) await files.keep(round.record);
      },
    };
  }

  private start(round: Round): void {
    this.rounds.set(round.batch.batchId, round);
    const playing = this.play(round).finally(() => this.playing.delete(playing));
    this.playing.add(playing);
  }

  /** Until the round is over, or another one has taken its place. */
  private async play(round: Round): Promise<void> {
    const { signal, clock, log } = this.parts;
    const { batchId } = round.batch;
    let failures = 0;
    while (!signal.aborted && this.rounds.get(batchId) === round) {
      try {
        const pause = await this.advance(round);
        if (pause === undefined) return await this.end(round);
        failures = 0;
        await clock.sleep(pause, signal);
      } catch (error) {
        const { code, message, facts } = asAssayError(error);
        log.warn({ event: 'evidence.failed', batchId, code, reason: message, facts }, 'a step of a paid check did not go through; tried again');
        await clock.sleep(Math.min(2 * MIN_PAUSE_MS * 2 ** failures++, MAX_PAUSE_MS), signal);
      }
    }
  }

  private async end(round: Round): Promise<void> {
    const { batchId } = round.batch;
    if (this.rounds.get(batchId) !== round) return;
    this.rounds.delete(batchId);
    await this.parts.files.drop(batchId);
  }

  /** Does what is next; returns milliseconds until the next look, undefined once there is nothing left. */
  private async advance(round: Round): Promise<number | undefined> {
    const { chain, address } = this.parts;
    const { batchId, root } = round.batch;
    const [word, onChain, redrawnAt, now] = await Promise.all([chain.batches.batch(batchId), chain.checks.roundOf(batchId, address), chain.beacons.redrawnAt(batchId), chain.now()]);
    // A reorganisation took the batch; whatever took its place comes by itself.
    if (word.root !== root) return undefined;
    const window = checkWindow(redrawnAt > word.committedAt ? redrawnAt : word.committedAt, BigInt(word.challengeWindow));
    const step = nextCheckStep(round.progress(address, onChain), window, now);
    if (step.kind === 'over') return undefined;
    if (step.kind === 'wait') return pauseFor(step.until - now, word.challengeWindow);
    return this.act(step.kind, round, { word, window, now });
  }

  private async act(kind: Exclude<CheckStep['kind'], 'wait' | 'over'>, round: Round, at: { word: BatchWord; window: CheckWindow; now: bigint }): Promise<number> {
    switch (kind) {
      case 'freeze':
        round.freeze(this.parts.salt());
        await this.parts.files.keep(round.record);
        return 0;
      case 'commit':
        return this.commit(round, at.word);
      case 'reveal':
        return this.reveal(round, at.word);
      case 'compare':
        return this.compare(round, at.word);
      case 'collect':
        return this.collect(round, at);
    }
  }

  private async commit(round: Round, word: BatchWord): Promise<number> {
    const { chain, address, metrics, log } = this.parts;
    const { batchId, beacon } = round.batch;
    // WHY before the commitment: it counts for the claims that this beacon draws, and cannot be made twice.
    if ((await chain.provenBeacon(batchId)) !== beacon) return this.giveUp(round, 'the batch was drawn again');
    await this.parts.files.keep(round.record);
    const sent = await chain.checks.commit(batchId, word, round.commitment(address));
    metrics.evidence('committed');
    log.info({ event: 'evidence.committed', batchId, entries: round.evidence.length, gas: sent.gasUsed, block: sent.block, txHash: sent.hash }, 'committed to the runs of a batch');
    return MIN_PAUSE_MS;
  }

  private async reveal(round: Round, word: BatchWord): Promise<number> {
    const { chain, fault, metrics, log } = this.parts;
    const { evidence, salt } = round.record;
    const { batchId } = round.batch;
    const shown = shownBy(fault, round.evidence, fault === 'copier' ? await chain.checks.revealed(batchId, word) : []);
    if (!shown) return MIN_PAUSE_MS;
    const sent = await chain.checks.reveal(batchId, word, { evidence: shown, proofs: evidence.map(({ proof }) => proof), salt });
    metrics.evidence('revealed');
    log.info({ event: 'evidence.revealed', batchId, entries: evidence.length, gas: sent.gasUsed, block: sent.block, txHash: sent.hash }, 'revealed the runs of a batch');
    return MIN_PAUSE_MS;
  }

  /** WHY after the window: by then all evidence is there, and a stake stays for longer than that and a dispute. */
  private async compare(round: Round, word: BatchWord): Promise<number> {
    const { chain, address, accuse, dispute, files } = this.parts;
    const { batchId } = round.batch;
    for (const { checker, evidence } of await chain.checks.revealed(batchId, word)) {
      if (isAddressEqual(checker, address)) continue;
      const index = evidence.findIndex(({ claim, outputRoot, traceRoot }) => {
        const own = round.ran(claim);
        return own && (own.outputRoot !== outputRoot || own.traceRoot !== traceRoot);
      });
      // One entry will do: the first lost game takes the whole stake.
      if (index >= 0) await this.unlessRefused(batchId, accuse({ batchId, checker, evidence, index, own: round.ran(evidence[index]!.claim)! }));
    }
    // WHY: what the opening of a canary says decides who is fined for it.
    for (const { id, finding } of await chain.canaries.openedIn(batchId, word)) {
      const own = round.ran(finding.claim);
      if (own && (own.outputRoot !== finding.trueRoot || own.traceRoot !== finding.traceRoot)) await this.unlessRefused(batchId, dispute({ batchId, id, finding, own }));
    }
    round.noteCompared();
    await files.keep(round.record);
    return 0;
  }

  /** WHY gone on from: what the contract refuses it will refuse again, and must not hold up the pay. */
  private async unlessRefused(batchId: bigint, accusing: Promise<void>): Promise<void> {
    await accusing.catch((error: unknown) => {
      const { code, message } = asAssayError(error);
      if (code !== 'CHAIN_REVERTED') throw error;
      this.parts.log.warn({ event: 'accusation.refused', batchId, code, reason: message }, 'an accusation was refused by the contract');
    });
  }

  /** Waits for a pool that has not enough, as the pay of a batch is taken once; in the end takes what there is. */
  private async collect(round: Round, { word, window, now }: { word: BatchWord; window: CheckWindow; now: bigint }): Promise<number> {
    const { chain, address, metrics, log } = this.parts;
    const { batchId } = round.batch;
    const [{ amount: stake }, { stakeNeeded }] = await Promise.all([chain.vault.stakeOf(address), chain.checks.seats()]);
    if (stake < stakeNeeded) return this.giveUp(round, 'the stake that it takes is gone');
    const [charges, unit, { pool }, { poolDue }] = await Promise.all([chain.batches.chargesOf(batchId), chain.batches.unit(), chain.vault.totals(), chain.batches.coordinatorOf(word.coordinator)]);
    const entries = BigInt(round.evidence.length);
    const pay = await chain.checks.payFor(word, chargedIn(charges) * unit, entries);
    if (pay === 0n) return this.giveUp(round, 'its charges pay nothing');
    const due = BigInt(poolDue) * unit;
    // Shares are rounded down to units, so that a pool may lack less than one.
    if (pool + due + unit <= pay && now <= window.revealUntil + BigInt(word.challengeWindow)) return pauseFor(BigInt(word.challengeWindow), word.challengeWindow);
    if (pool < pay && due > 0n) await chain.batches.sweep(word.coordinator);
    const sent = await chain.checks.collect(batchId, word, { charges, checker: address });
    metrics.evidence('paid');
    log.info({ event: 'check.paid', batchId, entries, pay: sent.paid, gas: sent.gasUsed, block: sent.block, txHash: sent.hash }, 'paid for the checks of a batch');
    return MIN_PAUSE_MS;
  }

  private async giveUp(round: Round, reason: string): Promise<number> {
    this.parts.log.info({ event: 'evidence.needless', batchId: round.batch.batchId, reason }, 'nothing is to be had for the checks of a batch');
    await this.end(round);
    return 0;
  }
}

/** A part of what is left, and of the window: chain time need not run with this machine's, and a reorganisation can take a step back. */
function pauseFor(secondsLeft: bigint, challengeWindow: number): number {
  return Math.min(Math.max(Math.min(Number(secondsLeft) * 250, challengeWindow * 12), MIN_PAUSE_MS), MAX_PAUSE_MS);
}
