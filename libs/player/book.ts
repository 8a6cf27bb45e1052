import type { Address } from 'viem';
import type { Root } from '#core/hashing';
import { follow, type Known, type Role } from '#core/dispute';
import type { GameHappening, GamePage } from './ports.js';

/** Games one player keeps in mind at most; beyond that the oldest settled ones go. */
export const MAX_GAMES = 10_000;

export interface OwnGame {
  readonly gameId: Root;
  readonly role: Role;
  readonly known: Known;
}

interface Entry {
  readonly happenings: GameHappening[];
  known: Known | undefined;
}

/** Every game the player takes part in, rebuilt from what happened on the chain and from nothing else. */
export class GameBook {
  private readonly entries = new Map<Root, Entry>();

  constructor(private readonly account: Address) {}

  /** Takes in a page; returns the happenings in own games that are new. */
  take(page: GamePage): GameHappening[] {
    if (page.rewound) this.forgetFrom(page.from);
    const own = page.happenings.filter((h) => this.add(h));
    this.prune();
    return own;
  }

  get(gameId: Root): OwnGame | undefined {
    const known = this.entries.get(gameId)?.known;
    return known && { gameId, role: this.roleIn(known), known };
  }

  /** Games that are not settled. */
  open(): OwnGame[] {
    return [...this.entries.keys()].flatMap((id) => this.get(id) ?? []).filter(({ known }) => !known.settled);
  }

  private add(happening: GameHappening): boolean {
    const entry = this.entries.get(happening.gameId) ?? { happenings: [], known: undefined };
    const known = follow(entry.known, happening.happening);
    if (!known || !this.isPlayer(known)) return false;
    entry.happenings.push(happening);
    entry.known = known;
    this.entries.set(happening.gameId, entry);
    return true;
  }

  private forgetFrom(block: bigint): void {
    for (const [id, entry] of this.entries) {
      const kept = entry.happenings.filter((h) => h.block < block);
      if (kept.length === entry.happenings.length) continue;
      this.entries.delete(id);
      for (const happening of kept) this.add(happening);
    }
  }

  private prune(): void {
    for (const [id, entry] of this.entries) {
      if (this.entries.size <= MAX_GAMES) return;
      if (entry.known?.settled) this.entries.delete(id);
    }
  }

  private isPlayer({ game }: Known): boolean {
    return same(game.executor, this.account) || same(game.challenger, this.account);
  }

  private roleIn({ game }: Known): Role {
    return same(game.executor, this.account) ? 'executor' : 'challenger';
  }
}

function same(a: Address, b: Address): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
