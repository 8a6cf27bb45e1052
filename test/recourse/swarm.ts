import type { Root } from '#core/hashing';
import { follow, isOver, mover, secondsLeft, type Known, type Role } from '#core/dispute';
import type { TraceReader } from '#core/trace';
import { gamesOn, happeningOf, type Chain } from '#io/chain';
import type { Player } from '../simulation/players.js';

/** One attacker's seat in one game. */
export interface Fighter {
  readonly chain: Chain;
  readonly player: Player;
  readonly trace: () => Promise<TraceReader>;
}

const AT_ONCE = 8;
/** A move that the chain refuses is tried differently this many times; then the attacker is out of ideas. */
const MAX_REFUSALS = 3;

/** Many attackers on one side of many games, in one process with one look at the chain for all of them. */
export class Swarm {
  private readonly games = new Map<Root, Known>();
  private readonly refusals = new Map<Root, number>();
  private readonly silent = new Set<Root>();
  private readonly moving = new Set<Root>();
  private readonly stopping = new AbortController();
  private reading: Promise<void> | undefined;

  constructor(
    private readonly watch: Chain,
    private readonly role: Role,
    private readonly fighterOf: (known: Known) => Fighter | undefined,
  ) {}

  start(fromBlock: bigint): void {
    this.reading = this.read(fromBlock);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.reading;
    while (this.moving.size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  get opened(): number {
    return this.games.size;
  }

  all(): readonly Known[] {
    return [...this.games.values()];
  }

  /** Games in which nothing will happen until a clock has run out: the attacker has fallen silent on its turn. */
  get stalled(): number {
    return [...this.games].filter(([id, { game }]) => !isOver(game) && mover(game) === this.role && this.silent.has(id)).length;
  }

  get running(): number {
    return [...this.games.values()].filter(({ game }) => !isOver(game)).length;
  }

  private async read(fromBlock: bigint): Promise<void> {
    const { signal } = this.stopping;
    for await (const page of this.watch.events({ fromBlock, signal })) {
      for (const event of page.events) {
        const log = happeningOf(event);
        const known = log && follow(this.games.get(log.gameId), log.happening);
        if (log && known) this.games.set(log.gameId, known);
      }
      this.act();
    }
  }

  private act(): void {
    for (const [id, known] of this.games) {
      if (this.moving.size >= AT_ONCE) return;
      if (this.moving.has(id) || this.silent.has(id) || mover(known.game) !== this.role) continue;
      const fighter = this.fighterOf(known);
      if (!fighter) continue;
      this.moving.add(id);
      void this.move(id, known, fighter).finally(() => {
        this.moving.delete(id);
        if (!this.stopping.signal.aborted) this.act();
      });
    }
  }

  private async move(id: Root, known: Known, { chain, player, trace }: Fighter): Promise<void> {
    const { game, claim, reveals } = known;
    const now = game.movedAt + 1n;
    const { action } = player.act({ game, role: this.role, claim, trace: await trace(), reveals, now, payoutDelay: 0 }, secondsLeft(game, now));
    if (action.kind === 'concede' || action.kind === 'wait' || action.kind === 'settle') return void this.silent.add(id);
    try {
      await gamesOn(chain).sender.move(game, action);
      // WHY waited for: until the event comes the game looks as if it still were this side's turn.
      while (this.games.get(id) === known && !this.stopping.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 20));
    } catch {
      const count = (this.refusals.get(id) ?? 0) + 1;
      this.refusals.set(id, count);
      if (count >= MAX_REFUSALS) this.silent.add(id);
    }
  }
}
