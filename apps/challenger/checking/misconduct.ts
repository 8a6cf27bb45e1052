import { claimDigest, jobIdOf, type NetworkId, type Request } from '#core/protocol';
import { contradicts, equivocationOf } from '#core/dispute';
import type { PlacedClaim } from './batch-claims.js';

/** What convicts an executor by its signatures alone; `claim` is the one it is convicted of. */
export type Evidence =
  | { readonly kind: 'equivocation'; readonly batchId: bigint; readonly claim: PlacedClaim; readonly other: PlacedClaim }
  | { readonly kind: 'contradiction'; readonly batchId: bigint; readonly claim: PlacedClaim; readonly request: Request };

interface Seen {
  readonly batchId: bigint;
  readonly claim: PlacedClaim;
}

/** WHY bounded: what is older than this many claims is past its challenge window. Each takes about 3 kB. */
const MAX_SEEN = 20_000;

/** Holds claims beside their requests, and beside other claims for the same job in this or an earlier batch. */
export class Misconduct {
  private readonly seen = new Map<string, Seen>();

  constructor(private readonly network: NetworkId) {}

  /** Evidence in a batch's claims and what was seen before. */
  evidenceIn(batchId: bigint, claims: readonly PlacedClaim[]): Evidence[] {
    return claims.flatMap((claim) => this.against({ batchId, claim }));
  }

  private against({ batchId, claim }: Seen): Evidence[] {
    const { network } = this;
    if (contradicts(network, claim.claim, claim.request)) return [{ kind: 'contradiction', batchId, claim, request: claim.request }];
    if (jobIdOf(network, claim.request) !== claim.claim.jobId) return [];
    const key = `${claim.claim.executor.toLowerCase()}/${claim.claim.jobId}`;
    const before = this.seen.get(key);
    if (!before) {
      this.seen.set(key, { batchId, claim });
      if (this.seen.size > MAX_SEEN) this.seen.delete(this.seen.keys().next().value!);
      return [];
    }
    const pair = equivocationOf(network, before.claim, claim);
    if (!pair) return [];
    const first = claimDigest(network, pair[0].claim) === claimDigest(network, claim.claim);
    return [{ kind: 'equivocation', batchId: first ? batchId : before.batchId, claim: pair[0], other: pair[1] }];
  }
}
