import type { Fence, JobChange, RoleStore } from '#io/storage';
import { Rounds, type Logger } from '#platform';

/** Work of a role, from gaining it to losing it. */
export interface Duty {
  start(): void;
  /** A job changed, here or in another process. */
  note?(change: JobChange): void;
  stop(): Promise<void>;
}

export interface RoleKeeperParts {
  readonly role: string;
  readonly roles: Pick<RoleStore, 'hold' | 'leave'>;
  /** What this process is called; unique to it. */
  readonly holder: string;
  readonly begin: (fence: Fence) => Duty;
  /** Milliseconds that do not jump. */
  readonly millis: () => number;
  readonly log: Logger;
}

/** After so long without a sign of life another process takes the role over; a process that is slow asks for longer. */
export const ROLE_TTL_MS = 3_000;
const MAX_ROLE_TTL_MS = 15_000;
/** Signs of life that may be as late as the latest of late. */
const SIGNS_IN_TTL = 3;
const RENEW_EVERY_MS = 1_000;
/** What is left of the longest pause between two signs of life at the next one. */
const FADING = 0.8;

/**
 * Tries to hold a role, and does its work while it does. Every process of a coordinator runs one per role.
 * SAFETY: exclusion does not rest on these clocks. The fence in every effect does it; the clocks only say when to stop trying.
 */
export class RoleKeeper {
  private held: { readonly fence: Fence; readonly duty: Duty; until: number } | undefined;
  private readonly rounds = new Rounds(() => this.renew());
  private askedLast: number | undefined;
  private longestPause = 0;

  constructor(private readonly parts: RoleKeeperParts) {}

  get name(): string {
    return this.parts.role;
  }

  get isHeld(): boolean {
    return this.held !== undefined;
  }

  start(): void {
    this.rounds.start();
  }

  note(change: JobChange): void {
    this.held?.duty.note?.(change);
  }

  /** Ends the work, then leaves the role to the next process at once. */
  async stop(): Promise<void> {
    await this.rounds.stop();
    await this.lose('stopping');
    await this.parts.roles.leave(this.parts.role, this.parts.holder).catch(() => {});
  }

  private async renew(): Promise<number> {
    const { roles, role, holder, millis, log } = this.parts;
    const asked = millis();
    const ttlMs = this.ttlAt(asked);
    try {
      const fence = await roles.hold(role, { holder, ttlMs });
      if (this.rounds.isStopping) return 0;
      if (this.held && this.held.fence.token !== fence?.token) await this.lose('taken over');
      if (fence && this.held) this.held.until = asked + ttlMs;
      else if (fence) this.gain(fence, asked + ttlMs);
    } catch (err) {
      log.warn({ event: 'role.unsure', role, err }, `the database does not say who has the role ${role}`);
      if (this.held && millis() > this.held.until) await this.lose('not renewed in time');
    }
    return RENEW_EVERY_MS;
  }

  /** WHY longer for the slow: on a machine or a database under load processes would take the role from each other again and again, and none get anything done. */
  private ttlAt(asked: number): number {
    this.longestPause = Math.max(asked - (this.askedLast ?? asked), FADING * this.longestPause);
    this.askedLast = asked;
    return Math.round(Math.min(MAX_ROLE_TTL_MS, Math.max(ROLE_TTL_MS, SIGNS_IN_TTL * this.longestPause)));
  }

  private gain(fence: Fence, until: number): void {
    const duty = this.parts.begin(fence);
    this.held = { fence, duty, until };
    this.parts.log.info({ event: 'role.gained', role: fence.role, token: fence.token }, `this process does ${fence.role}`);
    duty.start();
  }

  private async lose(why: string): Promise<void> {
    const { held } = this;
    this.held = undefined;
    if (!held) return;
    await held.duty.stop();
    this.parts.log.info({ event: 'role.lost', role: held.fence.role, token: held.fence.token, why }, `this process no longer does ${held.fence.role}`);
  }
}
