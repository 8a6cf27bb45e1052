import type { Address } from 'viem';
import type { Root } from '#core/hashing';
import { hashGame, mover, winner } from '#core/dispute';
import { AssayError } from '#core/protocol';
import { GameBook, type OwnGame } from './book.js';
import type { Report } from './events.js';
import type { ChainView, GameFeed, GameHappening, InclusionSource, MoveSender, TraceSource } from './ports.js';
import { respond, type Next } from './responder.js';
import { Scheduler } from './scheduler.js';

export interface PlayerOptions {
  /** Plays every game in which this account is executor or challenger. */
  readonly account: Address;
  readonly feed: GameFeed;
  readonly chain: ChainView;
  readonly sender: MoveSender;
  readonly traces: TraceSource;
  /** With it the submitter of a claim proven wrong is paid as soon as the game is settled. */
  readonly inclusions?: InclusionSource;
  /** From the contract's parameters, in seconds. */
  readonly payoutDelay: number;
  /** The block from which games are rebuilt: the deployment's, or any before the oldest open game. */
  readonly fromBlock: bigint;
  /** Plays nothing: reports what it would do. */
  readonly watchOnly?: boolean;
  readonly report: Report;
  /** Steady milliseconds, e.g. performance.now. */
  readonly millis: () => number;
  /** Milliseconds between looks at the clocks of waiting games. */
  readonly tickMs?: number;
  readonly concurrency?: number;
}

export interface Player {
  start(): void;
  /** Stops reading and moving; resolves when no move is in flight. */
  stop(): Promise<void>;
  /** Own games that are not settled. */
  games(): readonly OwnGame[];
  game(gameId: Root): OwnGame | undefined;
}

/** Plays one account's disputes: hears what happens, decides by the solver, moves in time. Knows nothing but the chain between runs. */
export function createPlayer(options: PlayerOptions): Player {
  return new ChainPlayer(options);
}

/** Milliseconds for which events and state may differ: a move's event takes some time to be read. */
const CONTRADICTION_MS = 10_000;
/** Milliseconds between two readings of everything. */
const REREAD_PAUSE_MS = 60_000;

class ChainPlayer implements Player {
  private readonly book: GameBook;
  private readonly scheduler: Scheduler;
  private readonly stopping = new AbortController();
  private reading: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private caughtUp = false;
  /** Aborted to read everything again. */
  private reread = new AbortController();
  private rereadAt = Number.NEGATIVE_INFINITY;
  /** Since when a game's events contradict the chain's state, by the state they led to. */
  private readonly contradicted = new Map<Root, { state: Root; since: number }>();

  constructor(private readonly options: PlayerOptions) {
    this.book = new GameBook(options.account);
    const { millis, concurrency } = options;
    this.scheduler = new Scheduler({ work: (game) => this.respond(game), millis, ...(concurrency === undefined ? {} : { concurrency }) });
  }

  /** What goes wrong before a move is sent (a trace, a read of the chain) is said, and tried again. */
  private async respond(game: OwnGame): Promise<Next> {
    try {
      return await respond(game, { ...this.options, onContradiction: (own) => this.contradiction(own) });
    } catch (error) {
      this.options.report({ kind: 'failed', gameId: game.gameId, role: game.role, move: 'decide', again: 'later', error });
      return { when: 'later' };
    }
  }

  start(): void {
    if (this.reading) return;
    this.reading = this.read();
    this.timer = setInterval(() => void this.tick(), this.options.tickMs ?? 500);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    clearInterval(this.timer);
    await this.reading;
    await this.scheduler.idle();
  }

  games(): readonly OwnGame[] {
    return this.book.open();
  }

  game(gameId: Root): OwnGame | undefined {
    return this.book.get(gameId);
  }

  private async read(): Promise<void> {
    const stopping = this.stopping.signal;
    do {
      this.reread = new AbortController();
      await this.readFrom(AbortSignal.any([stopping, this.reread.signal]));
    } while (this.reread.signal.aborted && !stopping.aborted);
  }

  private async readFrom(signal: AbortSignal): Promise<void> {
    const { feed, fromBlock, report } = this.options;
    let first = true;
    for await (const page of feed.pages({ fromBlock, signal, onError: (error) => report({ kind: 'feedFailed', error }) })) {
      const rewound = page.rewound || first;
      first = false;
      if (rewound) for (const { gameId } of this.games()) this.scheduler.changed(gameId);
      for (const happening of this.book.take({ ...page, rewound })) this.noticed(happening);
      // WHY: a move on an old state would only be refused, so nothing is played until the head is reached.
      this.caughtUp = page.to >= page.head;
      if (this.caughtUp) await this.tick();
    }
  }

  /** Events that lead elsewhere than the chain is, and stay so, were left out or made up: everything is read again. */
  private contradiction({ gameId, known }: OwnGame): void {
    const { millis, report, feed } = this.options;
    const state = hashGame(known.game);
    const before = this.contradicted.get(gameId);
    if (before?.state !== state) return void this.contradicted.set(gameId, { state, since: millis() });
    if (millis() - before.since < CONTRADICTION_MS || millis() - this.rereadAt < REREAD_PAUSE_MS) return;
    this.contradicted.clear();
    this.rereadAt = millis();
    report({ kind: 'feedFailed', error: new AssayError({ code: 'CHAIN_UNREACHABLE', message: `The events of game ${gameId} do not lead to its state on chain; reading them again.`, facts: { gameId } }) });
    feed.distrust?.();
    this.reread.abort();
  }

  private noticed({ gameId, block, tx, happening }: GameHappening): void {
    this.scheduler.changed(gameId);
    const own = this.book.get(gameId);
    if (!own) return;
    const about = { gameId, role: own.role, block, tx };
    if (happening.kind === 'settled') {
      this.scheduler.forget(gameId);
      this.options.report({ kind: 'settled', ...about });
    } else if (happening.kind === 'ended') {
      this.options.report({ kind: 'ended', winner: winner(happening.game)!, fault: happening.fault, ...about });
    } else if (happening.kind === 'opened') {
      this.options.report({ kind: 'joined', game: happening.game, ...about });
    } else if (mover(happening.game) === own.role) {
      this.options.report({ kind: 'answered', game: happening.game, ...about });
    }
  }

  private async tick(): Promise<void> {
    if (!this.caughtUp || this.games().length === 0 || this.stopping.signal.aborted) return;
    try {
      const now = await this.options.chain.now();
      // INVARIANT: the games as they are now. One that moved while the clock was read would be answered in its old state and,
      // since that answer counts for the new one, never again.
      this.scheduler.tick(this.games(), now);
    } catch (error) {
      this.options.report({ kind: 'feedFailed', error });
    }
  }
}
