import type { Address } from 'viem';
import { PRESENCE_INTERVAL_MS, type Presence } from '#core/protocol';

/** Missed presences after which a process counts as gone. */
const MISSES = 3;
const MAX_PEERS = 4096;

interface Seen {
  readonly presence: Presence;
  readonly at: number;
}

/** Who is there, by what they said last. */
export class PresenceBoard {
  private readonly barred = new Set<string>();
  private readonly seen = new Map<string, Seen>();

  constructor(private readonly now: () => number) {}

  note(presence: Presence): void {
    const key = `${presence.role} ${presence.address.toLowerCase()}`;
    if (!this.seen.has(key) && this.seen.size >= MAX_PEERS) this.dropGone();
    if (this.seen.has(key) || this.seen.size < MAX_PEERS) this.seen.set(key, { presence, at: this.now() });
  }

  /** Nobody listens there any more, whatever it said. */
  drop(role: Presence['role'], address: Address): void {
    this.seen.delete(`${role} ${address.toLowerCase()}`);
  }

  /** An executor that whoever runs this process trusts with no job. */
  quarantine(executor: Address, quarantined: boolean): void {
    if (quarantined && this.barred.size < MAX_PEERS) this.barred.add(executor.toLowerCase());
    if (!quarantined) this.barred.delete(executor.toLowerCase());
  }

  get quarantined(): string[] {
    return [...this.barred];
  }

  /** Executors that may be given jobs. */
  available(): Presence[] {
    return this.present('executor').filter(({ address }) => !this.barred.has(address.toLowerCase()));
  }

  present(role?: Presence['role']): Presence[] {
    return [...this.seen.values()].filter(({ presence, at }) => this.isFresh(at) && (role === undefined || presence.role === role)).map(({ presence }) => presence);
  }

  private isFresh(at: number): boolean {
    return this.now() - at <= MISSES * PRESENCE_INTERVAL_MS;
  }

  private dropGone(): void {
    for (const [key, { at }] of this.seen) if (!this.isFresh(at)) this.seen.delete(key);
  }
}
