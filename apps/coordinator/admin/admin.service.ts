import type { Address } from 'viem';
import { AssayError } from '#core/protocol';
import type { Logger } from '#platform';
import type { PresenceBoard } from '../assignment/presence-board.js';
import { numbersOf, type JobCounts } from '../caches.js';
import type { RoleKeeper } from '../roles/role-keeper.js';
import type { RateLimit } from '../submission/rates.js';

export interface AdminParts {
  /** SHA-256 of the token, hex; without it nobody is admin. */
  readonly tokenHash: string | undefined;
  readonly guesses: RateLimit;
  readonly roles: readonly RoleKeeper[];
  readonly board: PresenceBoard;
  readonly jobCounts: () => Promise<JobCounts>;
  readonly gate: { draining: boolean };
  readonly log: Logger;
}

/** What whoever runs this process may do with it. */
export class AdminService {
  constructor(readonly parts: AdminParts) {}

  async status() {
    const { gate, roles, board, jobCounts } = this.parts;
    return { draining: gate.draining, roles: roles.filter(({ isHeld }) => isHeld).map(({ name }) => name), quarantined: board.quarantined, jobs: numbersOf(await jobCounts()) };
  }

  refusal(peer: string): AssayError {
    this.parts.log.warn({ event: 'admin.refused', peer }, 'somebody who has not the token was refused');
    return new AssayError({ code: 'ADMIN_REFUSED' });
  }

  drain(draining: boolean) {
    this.parts.gate.draining = draining;
    this.parts.log.warn({ event: 'admin.drain', draining }, draining ? 'no new jobs from now on' : 'new jobs are taken again');
    return this.status();
  }

  quarantine(executor: Address, quarantined: boolean) {
    this.parts.board.quarantine(executor, quarantined);
    this.parts.log.warn({ event: 'admin.quarantine', executor, quarantined }, `executor ${executor} ${quarantined ? 'gets no jobs here' : 'gets jobs again'}`);
    return this.status();
  }
}
