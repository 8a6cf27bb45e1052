import type { LedgerEntry } from '../claiming/ledger.js';

const MAX_SERVED = 32;

/** Jobs answered of late: what canaries are made to look like. */
export class ServedJobs {
  private readonly entries: LedgerEntry[] = [];

  note(entry: LedgerEntry): void {
    if (entry.fault !== 'none' || entry.request.verification !== 0) return;
    this.entries.push(entry);
    if (this.entries.length > MAX_SERVED) this.entries.shift();
  }

  /** Any one, and another of the same model; the same again if there is none. */
  pair(below: (limit: number) => number): readonly [LedgerEntry, LedgerEntry] | undefined {
    const one = this.entries[below(Math.max(1, this.entries.length))];
    if (!one) return undefined;
    const alike = this.entries.filter((entry) => entry.claim.modelId === one.claim.modelId);
    return [one, alike[below(alike.length)]!];
  }
}
