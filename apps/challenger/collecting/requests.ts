import { claimDigest, type Claim, type NetworkId, type Request } from '#core/protocol';
import type { RequestSource } from '#player';
import type { CaseFiles } from '../disputing/cases.js';

/** The requests of disputed jobs: with them settling a won game pays the submitter in the same transaction. */
export class CaseRequests implements RequestSource {
  constructor(
    private readonly network: NetworkId,
    private readonly cases: Pick<CaseFiles, 'find'>,
  ) {}

  async requestFor(claim: Claim): Promise<Request | undefined> {
    return (await this.cases.find(claimDigest(this.network, claim)))?.request;
  }
}
