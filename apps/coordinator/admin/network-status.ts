import { Observable } from 'rxjs';
import type { Deployment } from '#io/chain';
import type { NetworkStatus } from '#io/rpc';
import type { Storage } from '#io/storage';
import type { Address } from 'viem';
import type { PresenceBoard } from '../assignment/presence-board.js';
import { momentary, numbersOf, type JobCounts } from '../caches.js';

export interface NetworkStatusParts {
  readonly deployment: Deployment;
  readonly coordinator: Address;
  readonly price: bigint;
  readonly storage: Pick<Storage, 'batches' | 'disputes'>;
  readonly jobCounts: () => Promise<JobCounts>;
  readonly board: PresenceBoard;
  readonly stopping: AbortSignal;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const RECENT_BATCHES = 20;
const LOOK_EVERY_MS = 1_000;

/** What this coordinator knows of the network. */
export class NetworkStatusService {
  /** WHY once a moment for all who ask: anybody may, as often as they like. */
  readonly status: () => Promise<NetworkStatus>;

  constructor(private readonly parts: NetworkStatusParts) {
    this.status = momentary(() => this.found(), parts.now);
  }

  private async found(): Promise<NetworkStatus> {
    const { deployment, coordinator, price, storage, jobCounts, board } = this.parts;
    const [jobs, batches, openDisputes] = await Promise.all([jobCounts(), storage.batches.recent(RECENT_BATCHES), storage.disputes.open()]);
    const { chainId, disputes, batches: batchesAddress, vault, token } = deployment;
    return {
      ...{ chainId, disputes, batches: batchesAddress, vault, token, coordinator, price, openDisputes },
      peers: board.present().map(({ role, address, version, profile, capacity, running }) => ({ role, address, version, profile, capacity, running })),
      jobs: numbersOf(jobs),
      batchesRecent: batches.map(({ root, count, state, landing }) => ({ batchId: landing?.batchId ?? 0n, root, count, state, transaction: landing?.transaction })),
    };
  }

  /** The status now, and again when it changed, at most once a second. */
  watch(): Observable<NetworkStatus> {
    return new Observable((subscriber) => {
      let last = '';
      let timer: NodeJS.Timeout | undefined;
      const look = async () => {
        const status = await this.status();
        const text = JSON.stringify(status, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
        if (text !== last) subscriber.next(status);
        last = text;
        if (!subscriber.closed) timer = setTimeout(again, LOOK_EVERY_MS);
      };
      const again = () => void look().catch((error: unknown) => subscriber.error(error));
      const stop = () => subscriber.complete();
      this.parts.stopping.addEventListener('abort', stop, { once: true });
      again();
      return () => {
        clearTimeout(timer);
        this.parts.stopping.removeEventListener('abort', stop);
      };
    });
  }
}
