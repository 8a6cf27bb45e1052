import type { Root } from '#core/hashing';
import { AssayError, claimDigest, type Claim, type NetworkId } from '#core/protocol';
import type { TraceReader } from '#core/trace';
import type { TestedModel } from '#io/inference';
import type { ModelShelf } from '#io/artifacts';
import type { RequestSource, TraceSource } from '#player';
import type { ClaimLedger, LedgerEntry } from '../claiming/ledger.js';
import { runWithFault } from '../faults/index.js';

/** Traces kept in memory; each is a few times the size of all the values of a run. */
const MAX_TRACES = 4;

export interface DefendedTracesParts {
  readonly network: NetworkId;
  readonly ledger: ClaimLedger;
  readonly models: Pick<ModelShelf<TestedModel>, 'with'>;
}

/** The runs behind the claims this executor signed, rebuilt when a dispute asks for them. */
export class DefendedTraces implements TraceSource, RequestSource {
  private readonly traces = new Map<Root, Promise<TraceReader>>();

  constructor(private readonly parts: DefendedTracesParts) {}

  /** 'unknown' for a claim that is not in the ledger, and from an executor that is silent on purpose. */
  async traceFor(digest: Root, claim: Claim): Promise<TraceReader | 'unknown'> {
    const entry = await this.parts.ledger.find(claim.jobId);
    if (!entry || claimDigest(this.parts.network, entry.claim) !== digest || entry.fault === 'silent') return 'unknown';
    const known = this.traces.get(digest) ?? this.rebuild(entry);
    this.traces.delete(digest);
    this.traces.set(digest, known);
    for (const oldest of this.traces.keys()) if (this.traces.size > MAX_TRACES) this.traces.delete(oldest);
    known.catch(() => this.traces.delete(digest));
    return known;
  }

  async requestFor(claim: Claim) {
    return (await this.parts.ledger.find(claim.jobId))?.request;
  }

  private async rebuild(entry: LedgerEntry): Promise<TraceReader> {
    const { claim, fault } = entry;
    const inputs = await this.parts.ledger.inputsOf(entry);
    return this.parts.models.with(claim.modelId, async ({ session }) => {
      const run = await runWithFault(fault, { jobId: claim.jobId, session, inputs });
      if (run.outputRoot === claim.outputRoot) return run.trace();
      throw new AssayError({ code: 'INVARIANT_BROKEN', message: 'the same job gave other bytes than were claimed', facts: { jobId: claim.jobId, claimed: claim.outputRoot, now: run.outputRoot } });
    });
  }
}
