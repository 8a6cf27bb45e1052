import { claimDigest, type Claim, type NetworkId } from '#core/protocol';
import type { Inclusion, InclusionSource } from '#player';
import type { CaseFiles } from '../disputing/cases.js';

/** Requests and places in batches of disputed claims: with them a won game’s submitter is compensated. */
export class CaseInclusions implements InclusionSource {
  constructor(
    private readonly network: NetworkId,
    private readonly cases: Pick<CaseFiles, 'find'>,
  ) {}

  async inclusionOf(claim: Claim): Promise<Inclusion | undefined> {
    // WHY: what nobody paid for nobody is owed; a checker's evidence is such a claim.
    if (claim.fee + claim.insuredValue === 0n) return undefined;
    return this.cases.find(claimDigest(this.network, claim));
  }
}
