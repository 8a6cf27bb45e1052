import { listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { AssayError, claimDigest, type Claim, type NetworkId } from '#core/protocol';
import type { TraceReader } from '#core/trace';
import type { TestedModel } from '#io/inference';
import type { ModelShelf } from '#io/artifacts';
import type { TraceSource } from '#player';
import type { ClaimLedger, LedgerEntry } from '../claiming/ledger.js';
import { runWithFault } from '../faults/index.js';

/** Traces kept in memory; each is a few times the size of all the values of a run. */
const MAX_TRACES = 4;

export interface DefendedTracesParts {
  readonly network: NetworkId;
  readonly ledger: Pick<ClaimLedger, 'find' | 'inputsOf'>;
  readonly models: Pick<ModelShelf<TestedModel>, 'with'>;
  /** From whoever serves the job's data; checked here. */
  readonly fetchInputs: (jobId: Root) => Promise<readonly Tensor[]>;
}

/** The runs behind the claims this executor signed, rebuilt when a dispute asks for them. */
export class DefendedTraces implements TraceSource {
  private readonly traces = new Map<Root, Promise<TraceReader>>();

  constructor(private readonly parts: DefendedTracesParts) {}

  /** 'unknown' for a claim other than the one signed for the job, from an executor that is silent on purpose, and of a canary, which is opened. */
  async traceFor(digest: Root, claim: Claim): Promise<TraceReader | 'unknown'> {
    const entry = await this.parts.ledger.find(claim.jobId);
    if (entry && !this.isDefended(digest, entry)) return 'unknown';
    const known = this.traces.get(digest) ?? this.rebuild(claim, entry);
    this.traces.delete(digest);
    this.traces.set(digest, known);
    for (const oldest of this.traces.keys()) if (this.traces.size > MAX_TRACES) this.traces.delete(oldest);
    known.catch(() => this.traces.delete(digest));
    return known;
  }

  private isDefended(digest: Root, { claim, fault }: LedgerEntry): boolean {
    const own = claimDigest(this.parts.network, claim) === digest;
    // WHY: what a canary's opening says the true run is may be disputed, and the stake is in that game.
    return fault === 'canary' ? !own : own && fault !== 'silent';
  }

  /** WHY also without an entry: an executor that lost its disk still has its stake in the game; an honest run is the same anywhere. */
  private async rebuild(claim: Claim, entry: LedgerEntry | undefined): Promise<TraceReader> {
    const inputs = entry ? await this.parts.ledger.inputsOf(entry) : await this.inputsServed(claim);
    return this.parts.models.with(claim.modelId, async ({ session }) => {
      const fault = entry && entry.fault !== 'canary' ? entry.fault : 'none';
      const run = await runWithFault(fault, { jobId: claim.jobId, session, inputs });
      if (run.outputRoot === claim.outputRoot) return run.trace();
      throw new AssayError({ code: 'INVARIANT_BROKEN', message: 'the same job gave other bytes than were claimed', facts: { jobId: claim.jobId, claimed: claim.outputRoot, now: run.outputRoot } });
    });
  }

  private async inputsServed({ jobId, inputRoot }: Claim): Promise<readonly Tensor[]> {
    const inputs = await this.parts.fetchInputs(jobId);
    if (listRoot(inputs.map(tensorRoot)) === inputRoot) return inputs;
    throw new AssayError({ code: 'DATA_UNAVAILABLE', message: 'the inputs served are not those of the claim', facts: { jobId, claimed: inputRoot } });
  }
}
