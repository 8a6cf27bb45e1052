import { verifyTypedData } from 'viem';
import { listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { AssayError, claimTypedData, jobIdOf, type NetworkId } from '#core/protocol';
import type { InferenceSession, TestedModel } from '#io/inference';
import type { ModelShelf } from '#io/artifacts';
import { failureOf, type BatchedClaim } from '#io/messaging';
import type { Verdict } from './verdict.js';

export interface ClaimCheckParts {
  readonly network: NetworkId;
  readonly models: Pick<ModelShelf<TestedModel>, 'with'>;
  readonly fetchInputs: (jobId: Root) => Promise<Tensor[]>;
}

export interface Checked {
  readonly verdict: Verdict;
  /** The inputs the claim is about; absent if they could not be had. */
  readonly inputs?: readonly Tensor[];
}

/** Runs a claim's job again and compares bytes. Never throws: what keeps this machine from knowing is an unknown. */
export async function checkClaim(batched: BatchedClaim, parts: ClaimCheckParts): Promise<Checked> {
  try {
    await checkPapers(batched, parts.network);
    const inputs = await claimedInputs(batched, parts);
    const verdict = await parts.models.with(batched.claim.modelId, ({ session }) => rerun(session, inputs, batched.claim.outputRoot));
    return { verdict, inputs };
  } catch (error) {
    return { verdict: { kind: 'unknown', reason: failureOf(error) } };
  }
}

/** A dispute needs a claim that its executor signed, for the request it names. */
async function checkPapers({ request, claim, signature }: BatchedClaim, network: NetworkId): Promise<void> {
  const facts = { jobId: claim.jobId, executor: claim.executor };
  if (jobIdOf(network, request) !== claim.jobId.toLowerCase()) throw new AssayError({ code: 'CLAIM_INVALID', message: 'the claim is not for the request it came with', facts });
  if (claim.modelId !== request.modelId || claim.inputRoot !== request.inputRoot) throw new AssayError({ code: 'CLAIM_INVALID', message: 'the claim is about another model or other inputs than its request', facts });
  const signed = await verifyTypedData({ ...claimTypedData(network, claim), address: claim.executor, signature }).catch(() => false);
  if (!signed) throw new AssayError({ code: 'CLAIM_SIGNATURE_INVALID', facts });
}

async function claimedInputs({ claim }: BatchedClaim, { fetchInputs }: ClaimCheckParts): Promise<Tensor[]> {
  const inputs = await fetchInputs(claim.jobId);
  const root = listRoot(inputs.map(tensorRoot));
  if (root !== claim.inputRoot) throw new AssayError({ code: 'DATA_UNAVAILABLE', message: 'the inputs served are not those of the claim', facts: { jobId: claim.jobId, claimed: claim.inputRoot, served: root } });
  return inputs;
}

/** SAFETY: an accusation needs the same bits twice; a machine that contradicts itself knows nothing. */
async function rerun(session: InferenceSession, inputs: readonly Tensor[], claimed: Root): Promise<Verdict> {
  const computed = await outputRootOf(session, inputs);
  if (computed === claimed) return { kind: 'valid' };
  const again = await outputRootOf(session, inputs);
  if (again === computed) return { kind: 'invalid', computed };
  throw new AssayError({ code: 'SELF_TEST_FAILED', message: 'this machine gave two answers to one job', facts: { first: computed, second: again } });
}

async function outputRootOf(session: InferenceSession, inputs: readonly Tensor[]): Promise<Root> {
  return listRoot((await session.run(inputs)).map(tensorRoot));
}
