import type { Address, Hex } from 'viem';
import type { Root } from '#core/hashing';
import { AssayError, accessDigest, MAX_ACCESS_SECONDS, NO_JOB, type Access, type NetworkId } from '#core/protocol';
import type { AccessMessage } from '#io/rpc';
import type { JobRecord } from '#io/storage';
import { hasSigned } from '#platform';

export interface AccessParts {
  readonly network: NetworkId;
  /** ERC-1271: what the submitter's contract says; false if there is no contract. */
  readonly contractSigned: (submitter: Address, digest: Root, signature: Hex) => Promise<boolean>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Lets through whom the job's submitter, or for a list the submitter named, signed for. @throws AssayError ACCESS_DENIED */
export function accessCheck(parts: AccessParts) {
  return async ({ submitter, until, signature }: AccessMessage, { action, job }: { readonly action: Access['action']; readonly job?: Pick<JobRecord, 'jobId' | 'request'> }): Promise<void> => {
    const now = BigInt(Math.floor(parts.now() / 1000));
    const jobId = job?.jobId ?? NO_JOB;
    const denied = (message: string) => new AssayError({ code: 'ACCESS_DENIED', message, facts: { action, jobId, submitter, until, now, chainId: parts.network.chainId, disputes: parts.network.disputes } });
    if (job && job.request.submitter.toLowerCase() !== submitter) throw denied('the job is another submitter’s');
    if (until <= now || until > now + MAX_ACCESS_SECONDS) throw denied(`the access is valid until ${until}, now it is ${now}, and it may be valid for ${MAX_ACCESS_SECONDS} seconds`);
    const digest = accessDigest(parts.network, { submitter, action, jobId, until });
    if (!(await hasSigned(submitter, digest, signature)) && !(await parts.contractSigned(submitter, digest, signature))) throw denied(`the submitter did not sign access to ${action} here`);
  };
}
