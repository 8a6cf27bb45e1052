import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import type { Root } from '#core/hashing';
import { claimDigest, jobIdOf, type Claim, type NetworkId } from '#core/protocol';
import { contradicts, equivocationOf } from '#core/dispute';
import type { PlacedClaim } from './batch-claims.js';

/** What the contract needs of a claim to convict its executor, and its batch. */
export type Convictable = Pick<PlacedClaim, 'claim' | 'signature' | 'request' | 'proof'> & { readonly batchId: bigint };

/** What convicts an executor by its signatures alone; `claim` is the one it is convicted of. */
export type Evidence =
  | { readonly kind: 'equivocation'; readonly claim: Convictable; readonly other: Convictable }
  | { readonly kind: 'contradiction'; readonly claim: Convictable };

/** What a claim is known by later. WHY not whole: its executor and job are the key; whatever else it has in common with its request the other claim has too. */
interface Seen extends Pick<Claim, 'coordinator' | 'outputRoot' | 'fee'> {
  readonly batch: { readonly batchId: bigint; readonly digests: readonly Root[] };
  readonly signature: PlacedClaim['signature'];
}

/** WHY bounded: what is older than this many claims is past its challenge window. Each takes about 0.7 kB. */
const MAX_SEEN = 20_000;

/** Holds claims beside their requests, and beside other claims for the same job in this or an earlier batch. */
export class Misconduct {
  private readonly seen = new Map<string, Seen>();

  constructor(private readonly network: NetworkId) {}

  /** Evidence in a batch's claims, which are all it has, and what was seen before. */
  evidenceIn(batchId: bigint, claims: readonly PlacedClaim[]): Evidence[] {
    const batch = { batchId, digests: claims.map(({ digest }) => digest) };
    return claims.flatMap((claim) => this.against(claim, batch));
  }

  private against({ claim, signature, request, proof }: PlacedClaim, batch: Seen['batch']): Evidence[] {
    const now: Convictable = { claim, signature, request, proof, batchId: batch.batchId };
    if (contradicts(this.network, claim, request)) return [{ kind: 'contradiction', claim: now }];
    if (jobIdOf(this.network, request) !== claim.jobId) return [];
    const key = `${claim.executor.toLowerCase()}/${claim.jobId}`;
    const before = this.seen.get(key);
    if (!before) {
      const { coordinator, outputRoot, fee } = claim;
      this.seen.set(key, { coordinator, outputRoot, fee, signature, batch });
      if (this.seen.size > MAX_SEEN) this.seen.delete(this.seen.keys().next().value!);
      return [];
    }
    if (before.outputRoot === claim.outputRoot && before.fee === claim.fee && before.coordinator === claim.coordinator) return [];
    const pair = equivocationOf(this.network, this.restored(before, now), now);
    return pair ? [{ kind: 'equivocation', claim: pair[0], other: pair[1] }] : [];
  }

  /** @param second a claim of the same executor for the same job; neither contradicts the request */
  private restored({ batch: { batchId, digests }, signature, ...own }: Seen, { claim: shared, request }: Convictable): Convictable {
    const claim = { ...shared, ...own };
    const proof = StandardMerkleTree.of(digests.map((digest) => [digest]), ['bytes32']).getProof([claimDigest(this.network, claim)]) as Root[];
    return { claim, signature, request, proof, batchId };
  }
}
