import type { Root } from '#core/hashing';
import type { Clock, Logger } from '#platform';

export interface AccusationsParts {
  /** Whether the events read so far have the game. */
  readonly isKnown: (gameId: Root) => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** WHY bounded: older ones are final. Fewer than the games a player keeps in mind, so that none is taken for missing that is only old. */
const MAX_ACCUSATIONS = 4_096;
const LOOK_MS = 5_000;

interface Accusation {
  readonly batchId: bigint;
  readonly again: () => Promise<void>;
  missing: boolean;
}

/**
 * Disputes that this challenger opened and convictions it sent. A reorganisation can take one back, also before its event was read; then
 * nobody would play it. One whose game is not there at two looks in a row is made again.
 */
export class Accusations {
  private readonly made = new Map<Root, Accusation>();

  constructor(private readonly parts: AccusationsParts) {}

  /** @param again makes it again if the chain does not have it */
  note(batchId: bigint, gameId: Root, again: () => Promise<void>): void {
    this.made.delete(gameId);
    this.made.set(gameId, { batchId, again, missing: false });
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
    for (const [gameId, accusation] of [...this.made]) {
      const missing = !this.parts.isKnown(gameId);
      if (missing && accusation.missing) {
        this.parts.log.warn({ event: 'accusation.missing', gameId, batchId: accusation.batchId }, 'a dispute is not on chain any more; opening it again');
        await accusation.again();
      }
      accusation.missing = missing;
    }
  }
}
