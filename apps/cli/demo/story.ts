import type { Address } from 'viem';
import { isDrawn } from '#core/protocol';
import type { Chain, ChainEvent } from '#io/chain';
import { moveBehind, readDispute, type DisputeRecord } from '#sdk';
import { tokens } from '../amounts.js';
import { finalStepText } from '../dispute-text.js';
import type { Cast } from './cast.js';
import type { Seen } from './chain-watch.js';

type Event<N extends ChainEvent['eventName']> = Extract<ChainEvent, { eventName: N }>;

const BEACON_WITHIN_MS = 5_000;

/** Moves of the game in plain words. */
const WORDS: Readonly<Record<string, string>> = {
  revealTrace: 'shows what it computed at every node of the graph, as hashes',
  revealTensor: 'opens the chosen node’s output',
  revealSteps: 'shows the partial sums behind the chosen number',
  choose: 'points at the first that differs from its own',
  chooseSegment: 'points at the stretch of partial sums that goes wrong',
  prove: 'brings the operands: the contract computes this one step itself',
  expire: 'points out that the other side’s clock ran out',
};

export interface StoryOptions {
  readonly chain: Chain;
  readonly cast: Cast;
  /** Names a value of the model's graph. */
  readonly valueName: (index: number) => string | undefined;
  readonly say: (line: string) => void;
}

/** Tells chain events as they happen. Every word of it comes from events, transactions and receipts. */
export class Story {
  private readonly started = Date.now();
  private readonly players = new Map<string, { executor: Address; challenger: Address }>();
  private readonly lostByChallenger = new Set<string>();
  private firstGame: string | undefined;
  private over = false;

  constructor(private readonly options: StoryOptions) {}

  readonly tell = async ({ event }: Seen): Promise<void> => {
    switch (event.eventName) {
      case 'BatchCommitted':
        return this.batch(event);
      case 'Opened':
        return this.opened(event);
      case 'Revealed':
      case 'Chosen':
        return this.move(event);
      case 'Ended':
        return this.ended(event);
      case 'Settled':
        return this.settled(event);
      case 'Compensated':
        return this.say(`the submitter is compensated with ${tokens(event.args.amount)}: fee and insured value`);
      default:
        return undefined;
    }
  };

  /** Nothing is told after this, whatever still happens. */
  end(): void {
    this.over = true;
  }

  say(text: string): void {
    if (!this.over) this.options.say(`[${((Date.now() - this.started) / 1000).toFixed(1).padStart(5)} s] ${text}`);
  }

  private async batch(event: Event<'BatchCommitted'>): Promise<void> {
    const { chain } = this.options;
    const { batchId, batch: { count, root } } = event.args;
    const { gasUsed } = await chain.client.getTransactionReceipt({ hash: event.transactionHash });
    this.say(`batch ${batchId} is on chain: ${count} claims under one root ${short(root)}, ${gasUsed} gas, ${gasUsed / BigInt(count)} a job`);
    void this.draw(batchId, count).catch((error: unknown) => this.say(`the beacon of batch ${batchId} could not be read: ${String(error)}`));
  }

  /** Not waited for: the beacon's block is mined while other things happen. */
  private async draw(batchId: bigint, count: number): Promise<void> {
    const { chain, cast } = this.options;
    const beacon = await this.beacon(batchId);
    if (!beacon) return;
    const rate = await chain.batches.sampleRate();
    const drawn = cast.accounts
      .filter(({ name }) => name.startsWith('challenger'))
      .map(({ name, address }) => {
        const jobs = Array.from({ length: count }, (_, i) => i).filter((i) => isDrawn(beacon, address, { index: BigInt(i), rate }));
        return `${name} ${jobs.length === 0 ? 'none' : jobs.map((i) => i + 1).join(', ')}`;
      });
    this.say(`a later block's beacon ${short(beacon)} draws who must re-run which of its ${count} claims, counted by digest: ${drawn.join('; ')}`);
  }

  private async beacon(batchId: bigint) {
    for (const until = Date.now() + BEACON_WITHIN_MS; Date.now() < until; await new Promise((resolve) => setTimeout(resolve, 100))) {
      const beacon = await this.options.chain.beacon(batchId);
      if (beacon) return beacon;
    }
    return undefined;
  }

  private async opened(event: Event<'Opened'>): Promise<void> {
    const { gameId, executor, challenger, claimed } = event.args;
    const { chain, cast } = this.options;
    this.players.set(gameId, { executor, challenger });
    this.firstGame ??= gameId;
    const { gas } = await moveBehind(chain, event.transactionHash, { executor, challenger });
    const parameters = await chain.disputes.parameters();
    this.say(`${cast.nameOf(challenger)} re-ran job ${short(claimed.jobId)}, got other bytes than ${cast.nameOf(executor)} signed, and opens dispute ${short(gameId)} with a bond of ${tokens(parameters.bond)} (${gas} gas)`);
  }

  /** Told move by move for the first dispute only; the others are the same game. */
  private async move(event: Event<'Revealed'> | Event<'Chosen'>): Promise<void> {
    const { gameId } = event.args;
    const players = this.players.get(gameId);
    if (!players || gameId !== this.firstGame) return;
    const { chain, cast } = this.options;
    const { move, by, gas } = await moveBehind(chain, event.transactionHash, players);
    this.say(`  ${cast.nameOf(by === 'executor' ? players.executor : players.challenger)} ${WORDS[move] ?? move} (${move}, ${gas} gas)`);
  }

  private async ended(event: Event<'Ended'>): Promise<void> {
    const { chain, cast } = this.options;
    const record = await readDispute(chain, event.args.gameId);
    const last = record.transactions.at(-1)!;
    if (event.args.gameId === this.firstGame) {
      this.say(`  ${last.by === 'anyone' ? 'someone' : cast.nameOf(record[last.by])} ${WORDS[last.move] ?? last.move} (${last.move}, ${last.gas} gas)`);
      this.verdict(record);
    }
    const loser = record.state === 'executor lost' ? record.executor : record.challenger;
    if (record.state === 'challenger lost') this.lostByChallenger.add(record.gameId);
    this.say(`dispute ${short(record.gameId)} is decided after ${record.transactions.length} transactions and ${record.totalGas} gas: ${cast.nameOf(loser)} was wrong (${record.fault})`);
  }

  private verdict({ finalStep }: DisputeRecord): void {
    if (!finalStep) return;
    for (const line of finalStepText(finalStep, this.options.valueName(finalStep.node))) this.say(`    ${line}`);
  }

  private settled(event: Event<'Settled'>): void {
    const { gameId } = event.args;
    const players = this.players.get(gameId);
    if (!players) return;
    const text = this.paymentText(event.args, players);
    this.say(`dispute ${short(gameId)} is settled: ${text}`);
  }

  private paymentText({ gameId, forfeited, bounty }: Event<'Settled'>['args'], players: { executor: Address; challenger: Address }): string {
    const { cast } = this.options;
    const [executor, challenger] = [cast.nameOf(players.executor), cast.nameOf(players.challenger)];
    if (this.lostByChallenger.has(gameId)) return `the bond of ${challenger} goes to ${executor}`;
    const paid = `${challenger} has its bond back and ${tokens(bounty)}`;
    return forfeited > 0n ? `${executor} forfeits its stake, ${tokens(forfeited)}; ${paid} of it` : `${paid} of the stake that ${executor} forfeited`;
  }
}

export function short(hex: string): string {
  return `${hex.slice(0, 8)}…`;
}
