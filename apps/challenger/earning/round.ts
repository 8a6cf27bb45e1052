import type { Address } from 'viem';
import { ZERO_ROOT, type Root } from '#core/hashing';
import { evidenceCommitment, evidenceOrder, MAX_EVIDENCE, type CheckProgress, type Evidence } from '#core/protocol';
import { MAX_KNOWN, type RoundRecord } from './round-files.js';

/** A run of a claim, and where the claim is in its batch. */
export interface Found extends Evidence {
  readonly proof: readonly Root[];
  /** Whether the checker is paid for it. */
  readonly drawn: boolean;
}

/** IChecks.Round. */
export interface RoundOnChain {
  readonly word: Root;
  readonly entries: number;
  readonly paid: boolean;
}

/**
 * One checker's part in the checks of one batch.
 * INVARIANT: what is committed to does not change any more, and is on disk before it is committed to.
 */
export class Round {
  private readonly found = new Map<Root, Evidence>();
  private gathered: Found[] = [];
  private fixed: Pick<RoundRecord, 'evidence' | 'salt'> | undefined;
  private compared = false;

  constructor(readonly batch: Pick<RoundRecord, 'batchId' | 'root' | 'beacon'>) {}

  static of({ evidence, salt, known, compared, ...batch }: RoundRecord): Round {
    const round = new Round(batch);
    for (const { claim, outputRoot, traceRoot } of [...evidence, ...known]) round.found.set(claim, { claim, outputRoot, traceRoot });
    round.fixed = { evidence, salt };
    round.compared = compared;
    return round;
  }

  note({ claim, outputRoot, traceRoot, ...rest }: Found): void {
    if (this.found.has(claim) || this.found.size >= MAX_EVIDENCE + MAX_KNOWN) return;
    this.found.set(claim, { claim, outputRoot, traceRoot });
    if (rest.drawn && !this.fixed) this.gathered.push({ claim, outputRoot, traceRoot, ...rest });
  }

  /** What this machine's run of a claim gave. */
  ran(claim: Root): Evidence | undefined {
    return this.found.get(claim);
  }

  /** From now on the evidence is what there is. */
  freeze(salt: Root): void {
    const evidence = evidenceOrder(this.gathered.slice(0, MAX_EVIDENCE)).map(({ claim, outputRoot, traceRoot, proof }) => ({ claim, outputRoot, traceRoot, proof: [...proof] }));
    this.fixed ??= { evidence, salt };
    this.gathered = [];
  }

  noteCompared(): void {
    this.compared = true;
  }

  get isFrozen(): boolean {
    return this.fixed !== undefined;
  }

  get record(): RoundRecord {
    const fixed = this.fixed ?? { evidence: [], salt: ZERO_ROOT };
    const committed = new Set(fixed.evidence.map(({ claim }) => claim));
    return { ...this.batch, ...fixed, known: [...this.found.values()].filter(({ claim }) => !committed.has(claim)).slice(0, MAX_KNOWN), compared: this.compared };
  }

  get evidence(): Evidence[] {
    return this.record.evidence.map(({ claim, outputRoot, traceRoot }) => ({ claim, outputRoot, traceRoot }));
  }

  commitment(checker: Address): Root {
    return evidenceCommitment({ batchId: this.batch.batchId, checker, evidence: this.evidence, salt: this.record.salt });
  }

  progress(checker: Address, { word, entries, paid }: RoundOnChain): CheckProgress {
    const onChain = word === ZERO_ROOT ? 'nothing' : entries > 0 ? 'revealed' : this.fixed && word === this.commitment(checker) ? 'commitment' : 'foreign';
    return { frozen: this.isFrozen, entries: this.fixed?.evidence.length ?? 0, onChain, paid, compared: this.compared };
  }
}
