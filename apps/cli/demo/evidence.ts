import type { ReceiptVerdict } from '#core/protocol';
import type { Answered, DisputeRecord, Replay } from '#sdk';
import type { Ledger } from './balances.js';
import type { Seen } from './chain-watch.js';
import type { Question } from './questions.js';

export const LIAR = 'executor-2';
export const HONEST = 'executor-1';

/** One question with what came of it. */
export interface Told {
  readonly question: Question;
  readonly answer: Answered;
  readonly ms: number;
  readonly right: boolean;
  /** After the disputes: the answer that stands. */
  standing?: { readonly text: string; readonly executor: string; readonly right: boolean };
}

export interface Evidence {
  readonly told: readonly Told[];
  readonly before: Ledger;
  readonly after: Ledger;
  readonly seen: readonly Seen[];
  readonly disputes: readonly DisputeRecord[];
  readonly receipts: readonly { readonly jobId: string; readonly verdict: ReceiptVerdict; readonly replay: Replay }[];
  readonly timings: Record<string, number>;
}
