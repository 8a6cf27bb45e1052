import type { Address } from 'viem';
import { inputParts, type Root, type Tensor } from '#core/hashing';
import { asAssayError, AssayError } from '#core/protocol';
import { parseEvents, type BatchWord, type BlockRange, type Chain, type ChainEvent, type Leaf, type ShownJob } from '#io/chain';
import type { BatchedClaim, BatchStore, CursorStore, Fence } from '#io/storage';
import { Rounds, type Logger } from '#platform';
import { batchTree } from '../batching/batch-plan.js';
import { partsOf } from './publication.js';

export interface DefenderParts {
  readonly chain: Pick<Chain, 'account' | 'batches' | 'blockNumber' | 'charges' | 'client' | 'deployment' | 'now' | 'requests' | 'logs'>;
  readonly batches: Pick<BatchStore, 'byChainId' | 'claimsOf' | 'chargedTo'>;
  readonly cursors: Pick<CursorStore, 'read' | 'write'>;
  readonly proofIn: (batchSeq: number, digest: Root) => Promise<Root[]>;
  readonly inputsOf: (jobId: Root) => Promise<Tensor[]>;
  readonly pollMs: number;
  readonly log: Logger;
  /** Held as long as this runs; left out by a process that is alone. */
  readonly fence?: Fence;
}

const CURSOR = 'defence';
/** So far back from the head everything is read again: a reorganisation may have brought something else. */
const LOOK_BACK = 64n;
/** Jobs shown in one transaction: about four million gas. */
const SHOWN_AT_ONCE = 64;

type Contested = Extract<ChainEvent, { eventName: 'Contested' }>;
type Requested = Extract<ChainEvent, { eventName: 'Requested' }>;
type InputRequested = Extract<ChainEvent, { eventName: 'InputRequested' }>;
type Accusation = Contested | Requested | InputRequested;

/**
 * Answers what is demanded of this coordinator on chain: contested charges by showing the signed jobs, requests for data by
 * publishing the batch, or the input of one of its claims. What is open follows from the chain alone, so nothing is lost by a restart and nothing answered twice.
 */
export class Defender {
  private readonly open = new Map<string, Accusation>();
  /** Told once each. */
  private readonly missed = new Set<string>();
  private readonly rounds = new Rounds(() => this.round());

  constructor(private readonly parts: DefenderParts) {}

  start(): void {
    this.rounds.start();
  }

  stop(): Promise<void> {
    return this.rounds.stop();
  }

  private async round(): Promise<number> {
    await this.look().catch((err: unknown) => this.parts.log.warn({ event: 'defence.fault', err }, 'demands on this coordinator could not be looked at; trying again'));
    return this.parts.pollMs;
  }

  private async look(): Promise<void> {
    const { chain, cursors, fence } = this.parts;
    const head = await chain.blockNumber();
    const first = BigInt(chain.deployment.deployedBlock);
    const known = (await cursors.read(CURSOR))?.block ?? first;
    if (known <= head) await this.read(known, head);
    for (const [key, accusation] of this.open) if (!this.rounds.isStopping) await this.answer(key, accusation);
    const oldest = [...this.open.values()].reduce((low, { blockNumber }) => (blockNumber < low ? blockNumber : low), head - LOOK_BACK);
    if (oldest > known) await cursors.write(CURSOR, oldest, { fence });
  }

  private async read(fromBlock: bigint, toBlock: bigint): Promise<void> {
    const { chain } = this.parts;
    const read = ({ from, to }: BlockRange) => chain.client.getLogs({ address: [chain.charges.address, chain.requests.address], fromBlock: from, toBlock: to });
    const logs = await chain.logs.all(read, { from: fromBlock, to: toBlock });
    for (const event of parseEvents(logs)) {
      const demand = demandOf(event, chain.account!);
      if (demand !== undefined && !this.missed.has(demand)) this.open.set(demand, event as Accusation);
    }
  }

  private async answer(key: string, accusation: Accusation): Promise<void> {
    const { log } = this.parts;
    const facts = accusation.eventName === 'Contested' ? { contestId: accusation.args.contestId, batchId: accusation.args.batchId } : { batchId: accusation.args.batchId };
    try {
      if (await this.met(accusation)) this.open.delete(key);
    } catch (thrown) {
      const { code, message, facts: why } = asAssayError(thrown);
      log.error({ event: 'defence.failed', demand: accusation.eventName, ...facts, code, reason: message, facts: why }, 'a demand on this coordinator could not be answered; trying again until its deadline');
    }
  }

  private met(accusation: Accusation): Promise<boolean> {
    switch (accusation.eventName) {
      case 'Contested':
        return this.answerContest(accusation);
      case 'Requested':
        return this.answerRequest(accusation);
      case 'InputRequested':
        return this.answerInputRequest(accusation);
    }
  }

  /** True once nothing is left to do; shows as many jobs as there are, in several transactions. */
  private async answerContest({ args: { contestId, batchId } }: Contested): Promise<boolean> {
    const { chain, batches, log } = this.parts;
    for (let contest = await chain.charges.contestOf(contestId); !contest.over; contest = await chain.charges.contestOf(contestId)) {
      const { submitter, amount, shown, from: after, to: upTo, lastJob: afterJob } = contest;
      if ((await chain.now()) > contest.deadline) return this.lost(contestId, { contestId, batchId, shown, amount });
      const owed = await batches.chargedTo(submitter, { after, upTo, afterJob, limit: SHOWN_AT_ONCE });
      // WHY not lost: the batch may be on chain but not yet in the store.
      if (owed.length === 0) return false;
      const words = new Map(await Promise.all([...new Set(owed.map((claim) => claim.batchId))].map(async (id) => [id, await chain.batches.batch(id)] as const)));
      const jobs = await Promise.all(owed.map(({ batchId: id, ...claim }) => this.shown(claim, id, words.get(id)!)));
      const { gasUsed, hash } = await chain.charges.answer(contestId, jobs);
      log.info({ event: 'contest.answered', contestId, batchId, submitter, jobs: jobs.length, gas: gasUsed, txHash: hash }, 'signed jobs were shown for a contested charge');
    }
    return true;
  }

  private async shown({ request, requestSignature, claim, digest, batchSeq }: BatchedClaim, batchId: bigint, batch: BatchWord): Promise<ShownJob> {
    return { request, signature: requestSignature, claim, batchId, batch, proof: await this.parts.proofIn(batchSeq!, digest) };
  }

  /** True once nothing is left to do. */
  private async answerRequest({ args: { batchId } }: Requested): Promise<boolean> {
    const { chain, batches, log } = this.parts;
    const batch = await batches.byChainId(batchId);
    const word = await chain.batches.batch(batchId);
    if (!same(word.coordinator, chain.account!)) return true;
    const demand = await chain.requests.demandOf(batchId);
    if (demand.over) return true;
    if ((await chain.now()) > demand.deadline) return this.lost(String(batchId), { batchId, parts: demand.parts });
    if (!batch) return false;
    const claims = await batches.claimsOf(batch.seq, 0, batch.count);
    const left = partsOf(batchTree(claims.map(({ digest }) => digest))).slice(demand.parts);
    for (const { values, siblings } of left) {
      const leaves = values.map((value): Leaf => leafOf(claims[value]!));
      const { gasUsed, hash } = await chain.requests.publish(batchId, word, { leaves, siblings });
      log.info({ event: 'batch.published', batchId, leaves: leaves.length, gas: gasUsed, txHash: hash }, 'claims were published on request');
    }
    return true;
  }

  /** True once nothing is left to do. */
  private async answerInputRequest({ args: { batchId, claim: digest } }: InputRequested): Promise<boolean> {
    const { chain, batches, inputsOf, log } = this.parts;
    const word = await chain.batches.batch(batchId);
    if (!same(word.coordinator, chain.account!)) return true;
    const demand = await chain.requests.inputDemandOf(batchId, digest);
    if (demand.over) return true;
    if ((await chain.now()) > demand.deadline) return this.lost(inputKey(batchId, digest), { batchId, claim: digest, parts: demand.shown });
    const batch = await batches.byChainId(batchId);
    if (!batch) return false;
    const claim = (await batches.claimsOf(batch.seq, 0, batch.count)).find((one) => one.digest === digest)?.claim;
    if (!claim) throw new AssayError({ code: 'INVARIANT_BROKEN', message: 'a claim is not in its batch', facts: { batchId, claim: digest } });
    const { tensors, parts } = inputParts(await inputsOf(claim.jobId));
    // WHY one part at least: a demand for fewer parts than there are is refused by showing what there is.
    const due = parts.length > demand.parts ? parts.slice(0, 1) : parts.slice(demand.shown);
    for (const part of due) {
      const { gasUsed, hash } = await chain.requests.publishInput(batchId, word, { claim, tensors, ...part });
      log.info({ event: 'input.published', batchId, claim: digest, bytes: part.data.length, gas: gasUsed, txHash: hash }, 'part of an input was published on request');
    }
    return true;
  }

  private lost(key: string, facts: object): true {
    this.missed.add(key);
    this.parts.log.error({ event: 'defence.lost', ...facts }, 'a demand on this coordinator was not met: its bond pays');
    return true;
  }
}

const inputKey = (batchId: bigint, claim: Root): string => `${batchId}/${claim}`;

/** What this coordinator is asked for by an event, if anything. */
function demandOf(event: ChainEvent, self: Address): string | undefined {
  if (event.eventName === 'Contested') return same(event.args.coordinator, self) ? event.args.contestId : undefined;
  if (event.eventName === 'Requested') return String(event.args.batchId);
  return event.eventName === 'InputRequested' ? inputKey(event.args.batchId, event.args.claim) : undefined;
}

const same = (a: Address, b: Address): boolean => a.toLowerCase() === b.toLowerCase();
const leafOf = ({ claim, signature, request }: BatchedClaim): Leaf => ({ claim, signature, request });
