import type { Root } from '#core/hashing';
import type { Clock, Logger } from '#platform';
import { Gate } from '../checking/gate.js';

export interface AccusationsParts {
  /** Whether the events read so far have the game. */
  readonly isKnown: (gameId: Root) => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** WHY bounded: older ones are final. Fewer than the games a player keeps in mind, so that none is taken for missing that is only old. */
const MAX_ACCUSATIONS = 4_096;
const LOOK_MS = 5_000;
/** Looks between two attempts at most; the pause doubles with each that brought nothing. */
const MAX_PAUSE = 64;
const MADE_AT_ONCE = 4;

interface Accusation {
  readonly batchId: bigint;
  readonly again: () => Promise<void>;
  /** Looks in a row that did not find it. */
  missing: number;
  /** So many of them until it is made again. */
  patience: number;
}

/**
 * Disputes that this challenger opened and convictions it sent. A reorganisation can take one back, also before its event was read; then
 * nobody would play it. One whose game is not there at two looks in a row is made again, and again after longer and longer pauses: most
 * are missing for good, because somebody else has proven the claim wrong.
 */
export class Accusations {
  private readonly made = new Map<Root, Accusation>();
  private readonly gate = new Gate(MADE_AT_ONCE);

  constructor(private readonly parts: AccusationsParts) {}

  /** @param again makes it again if the chain does not have it */
  note(batchId: bigint, gameId: Root, again: () => Promise<void>): void {
    this.made.delete(gameId);
    this.made.set(gameId, { batchId, again, missing: 0, patience: 2 });
    if (this.made.size > MAX_ACCUSATIONS) this.made.delete(this.made.keys().next().value!);
  }

  hasAny(batchId: bigint): boolean {
    return [...this.made.values()].some((accusation) => accusation.batchId === batchId);
  }

  /** Looks until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.parts.clock.sleep(LOOK_MS, signal);
      if (!signal.aborted) await this.look();
    }
  }

  async look(): Promise<void> {
    const due = [...this.made].filter(([gameId, accusation]) => this.isDue(gameId, accusation));
    // WHY not one after the other: each may wait long for a chain that does not answer.
    await Promise.all(due.map(([gameId, accusation]) => this.gate.run(() => this.makeAgain(gameId, accusation))));
  }

  private isDue(gameId: Root, accusation: Accusation): boolean {
    if (this.parts.isKnown(gameId)) Object.assign(accusation, { missing: 0, patience: 2 });
    else accusation.missing++;
    return accusation.missing >= accusation.patience;
  }

  private async makeAgain(gameId: Root, accusation: Accusation): Promise<void> {
    this.parts.log.warn({ event: 'accusation.missing', gameId, batchId: accusation.batchId }, 'a dispute is not on chain any more; opening it again');
    accusation.missing = 0;
    accusation.patience = Math.min(2 * accusation.patience, MAX_PAUSE);
    await accusation.again();
  }
}
