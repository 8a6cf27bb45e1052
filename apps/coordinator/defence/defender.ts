import type { Address } from 'viem';
import type { Root } from '#core/hashing';
import { asAssayError } from '#core/protocol';
import { parseEvents, type BatchWord, type BlockRange, type Chain, type ChainEvent, type Leaf, type ShownJob } from '#io/chain';
import type { BatchedClaim, BatchStore, CursorStore, Fence } from '#io/storage';
import type { Logger } from '#platform';
import { batchTree } from '../batching/batch-plan.js';
import { partsOf } from './publication.js';

export interface DefenderParts {
  readonly chain: Pick<Chain, 'account' | 'batches' | 'blockNumber' | 'charges' | 'client' | 'deployment' | 'now' | 'requests' | 'logs'>;
  readonly batches: Pick<BatchStore, 'byChainId' | 'claimsOf' | 'chargedTo'>;
  readonly cursors: Pick<CursorStore, 'read' | 'write'>;
  readonly proofIn: (batchSeq: number, digest: Root) => Promise<Root[]>;
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
type Accusation = Contested | Requested;

/**
 * Answers what is demanded of this coordinator on chain: contested charges by showing the signed jobs, requests for data by
 * publishing the batch. What is open follows from the chain alone, so nothing is lost by a restart and nothing answered twice.
 */
export class Defender {
  private readonly open = new Map<string, Accusation>();
  /** Told once each. */
  private readonly missed = new Set<string>();
  private running: Promise<void> | undefined;
  private stopped = false;
  private wakeUp: () => void = () => {};

  constructor(private readonly parts: DefenderParts) {}

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.wakeUp();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      await this.round().catch((err: unknown) => this.parts.log.warn({ event: 'defence.fault', err }, 'demands on this coordinator could not be looked at; trying again'));
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.stopped ? 0 : this.parts.pollMs);
        this.wakeUp = () => (clearTimeout(timer), resolve());
      });
    }
  }

  private async round(): Promise<void> {
    const { chain, cursors, fence } = this.parts;
    const head = await chain.blockNumber();
    const first = BigInt(chain.deployment.deployedBlock);
    const known = (await cursors.read(CURSOR))?.block ?? first;
    if (known <= head) await this.read(known, head);
    for (const [key, accusation] of this.open) if (!this.stopped) await this.answer(key, accusation);
    const oldest = [...this.open.values()].reduce((low, { blockNumber }) => (blockNumber < low ? blockNumber : low), head - LOOK_BACK);
    if (oldest > known) await cursors.write(CURSOR, oldest, { fence });
  }

  private async read(fromBlock: bigint, toBlock: bigint): Promise<void> {
    const { chain } = this.parts;
    const read = ({ from, to }: BlockRange) => chain.client.getLogs({ address: [chain.charges.address, chain.requests.address], fromBlock: from, toBlock: to });
    const logs = await chain.logs.all(read, { from: fromBlock, to: toBlock });
    for (const event of parseEvents(logs)) {
      const demand = event.eventName === 'Contested' && same(event.args.coordinator, chain.account!) ? event.args.contestId : event.eventName === 'Requested' ? String(event.args.batchId) : undefined;
      if (demand !== undefined && !this.missed.has(demand)) this.open.set(demand, event as Accusation);
    }
  }

  private async answer(key: string, accusation: Accusation): Promise<void> {
    const { log } = this.parts;
    const facts = accusation.eventName === 'Contested' ? { contestId: accusation.args.contestId, batchId: accusation.args.batchId } : { batchId: accusation.args.batchId };
    try {
      if (await (accusation.eventName === 'Contested' ? this.answerContest(accusation) : this.answerRequest(accusation))) this.open.delete(key);
    } catch (thrown) {
      const { code, message, facts: why } = asAssayError(thrown);
      log.error({ event: 'defence.failed', demand: accusation.eventName, ...facts, code, reason: message, facts: why }, 'a demand on this coordinator could not be answered; trying again until its deadline');
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

  private lost(key: string, facts: object): true {
    this.missed.add(key);
    this.parts.log.error({ event: 'defence.lost', ...facts }, 'a demand on this coordinator was not met: its bond pays');
    return true;
  }
}

const same = (a: Address, b: Address): boolean => a.toLowerCase() === b.toLowerCase();
const leafOf = ({ claim, signature, request }: BatchedClaim): Leaf => ({ claim, signature, request });
