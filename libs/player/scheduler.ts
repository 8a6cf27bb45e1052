import { expiresAt } from '#core/dispute';
import type { Root } from '#core/hashing';
import type { OwnGame } from './book.js';
import type { Next } from './responder.js';

/** Games worked on at the same time. */
export const MAX_CONCURRENT = 4;
/** Milliseconds after a failure until the next try; doubled up to MAX_BACKOFF_MS. */
const BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 15_000;

interface Status {
  /** Count of changes when this was noted; a later change voids it. */
  readonly version: number;
  readonly next: Next;
  readonly failures: number;
  /** Steady milliseconds at which a game that failed is tried again. */
  readonly retryAt: number;
}

export interface SchedulerOptions {
  readonly work: (game: OwnGame) => Promise<Next>;
  readonly millis: () => number;
  readonly concurrency?: number;
}

/** Chooses which game to work on: one at a time each, a bounded number together, the one whose clock ends first before others. */
export class Scheduler {
  private readonly running = new Map<Root, Promise<void>>();
  private readonly statuses = new Map<Root, Status>();
  private readonly versions = new Map<Root, number>();

  constructor(private readonly options: SchedulerOptions) {}

  /** Something happened in a game: whatever it waited for no longer counts. */
  changed(gameId: Root): void {
    this.versions.set(gameId, this.version(gameId) + 1);
  }

  /** Starts work on as many games as fit. Call it again whenever something changed or time has passed. */
  tick(games: readonly OwnGame[], chainNow: bigint): void {
    const due = games.filter((g) => !this.running.has(g.gameId) && this.isDue(g.gameId, chainNow));
    due.sort((a, b) => Number(expiresAt(a.known.game) - expiresAt(b.known.game)));
    const room = (this.options.concurrency ?? MAX_CONCURRENT) - this.running.size;
    for (const game of due.slice(0, Math.max(0, room))) this.start(game);
  }

  /** Games being worked on. */
  get busy(): number {
    return this.running.size;
  }

  async idle(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running.values());
  }

  forget(gameId: Root): void {
    this.statuses.delete(gameId);
    this.versions.delete(gameId);
  }

  private isDue(gameId: Root, chainNow: bigint): boolean {
    const status = this.statuses.get(gameId);
    if (!status || status.version !== this.version(gameId)) return true;
    switch (status.next.when) {
      case 'now':
        return true;
      case 'changed':
        return false;
      case 'later':
        return this.options.millis() >= status.retryAt;
      case 'at':
        return chainNow >= status.next.time;
    }
  }

  private start(game: OwnGame): void {
    const { gameId } = game;
    const version = this.version(gameId);
    const done = this.options
      .work(game)
      .catch((): Next => ({ when: 'later' }))
      .then((next) => this.note(gameId, version, next))
      .finally(() => this.running.delete(gameId));
    this.running.set(gameId, done);
  }

  private note(gameId: Root, version: number, next: Next): void {
    const before = this.statuses.get(gameId);
    const failures = next.when === 'later' ? (before?.version === version ? before.failures : 0) + 1 : 0;
    const backoff = Math.min(BACKOFF_MS * 2 ** Math.min(failures - 1, 10), MAX_BACKOFF_MS);
    this.statuses.set(gameId, { version, next, failures, retryAt: this.options.millis() + backoff });
  }

  private version(gameId: Root): number {
    return this.versions.get(gameId) ?? 0;
  }
}
