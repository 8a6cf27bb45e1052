import { claimDigest, jobIdOf, type Claim, type NetworkId, type Request } from '#core/protocol';

/**
 * Two claims of one executor for one job, the one to convict first: that which counts for more (fee and insured value; of
 * equals the greater digest). Undefined if they are the same claim or not about one job. Twin of Disputes.convictEquivocation.
 */
export function equivocationOf<T extends { readonly claim: Claim }>(network: NetworkId, a: T, b: T): readonly [T, T] | undefined {
  const [digestA, digestB] = [claimDigest(network, a.claim), claimDigest(network, b.claim)];
  if (a.claim.jobId !== b.claim.jobId || a.claim.executor.toLowerCase() !== b.claim.executor.toLowerCase() || digestA === digestB) return undefined;
  const [weightA, weightB] = [a.claim.fee + a.claim.insuredValue, b.claim.fee + b.claim.insuredValue];
  return weightA > weightB || (weightA === weightB && BigInt(digestA) > BigInt(digestB)) ? [a, b] : [b, a];
}

/** Whether a claim is not what the request behind its job id asked for. Twin of Disputes.convictContradiction. */
export function contradicts(network: NetworkId, claim: Claim, request: Request): boolean {
  if (jobIdOf(network, request) !== claim.jobId) return false;
  return claim.modelId !== request.modelId || claim.inputRoot !== request.inputRoot || claim.fee > request.maxFee || claim.insuredValue !== request.insuredValue;
}
