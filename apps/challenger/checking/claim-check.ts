import { listRoot, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { AssayError, claimDigest, jobIdOf, type NetworkId } from '#core/protocol';
import type { InferenceSession, TestedModel } from '#io/inference';
import type { ModelShelf } from '#io/artifacts';
import { failureOf, type BatchedClaim } from '#io/messaging';
import { hasSigned } from '#platform';
import { tracedRun, type TracedRun } from './traced-run.js';
import type { Verdict } from './verdict.js';

export interface ClaimCheckParts {
  readonly network: NetworkId;
  readonly models: Pick<ModelShelf<TestedModel>, 'with'>;
  readonly fetchInputs: (jobId: Root) => Promise<Tensor[]>;
  /** Computes the whole trace, as evidence of the run. */
  readonly traced?: boolean;
}

export interface Checked {
  readonly verdict: Verdict;
  /** The inputs the claim is about; absent if they could not be had. */
  readonly inputs?: readonly Tensor[];
  /** What the run gave, if it was traced and is believed. */
  readonly run?: TracedRun;
}

/** Runs a claim's job again and compares bytes. Never throws: what keeps this machine from knowing is an unknown. */
export async function checkClaim(batched: BatchedClaim, parts: ClaimCheckParts): Promise<Checked> {
  let inputs: Tensor[] | undefined;
  try {
    await checkPapers(batched, parts.network);
    inputs = await claimedInputs(batched, parts);
    const had = inputs;
    const found = await parts.models.with(batched.claim.modelId, ({ session }) => (parts.traced ? rerunTraced : rerun)(session, had, batched.claim.outputRoot));
    return { ...found, inputs };
  } catch (error) {
    return { verdict: { kind: 'unknown', reason: failureOf(error) }, ...(inputs && { inputs }) };
  }
}

/** A dispute needs a claim that its executor signed, for the request it names. */
async function checkPapers({ request, claim, signature }: BatchedClaim, network: NetworkId): Promise<void> {
  const facts = { jobId: claim.jobId, executor: claim.executor };
  if (jobIdOf(network, request) !== claim.jobId.toLowerCase()) throw new AssayError({ code: 'CLAIM_INVALID', message: 'the claim is not for the request it came with', facts });
  if (claim.modelId !== request.modelId || claim.inputRoot !== request.inputRoot) throw new AssayError({ code: 'CLAIM_INVALID', message: 'the claim is about another model or other inputs than its request', facts });
  if (!(await hasSigned(claim.executor, claimDigest(network, claim), signature))) throw new AssayError({ code: 'CLAIM_SIGNATURE_INVALID', facts });
}

async function claimedInputs({ claim }: BatchedClaim, { fetchInputs }: ClaimCheckParts): Promise<Tensor[]> {
  const inputs = await fetchInputs(claim.jobId);
  const root = listRoot(inputs.map(tensorRoot));
  if (root !== claim.inputRoot) throw new AssayError({ code: 'DATA_UNAVAILABLE', message: 'the inputs served are not those of the claim', facts: { jobId: claim.jobId, claimed: claim.inputRoot, served: root } });
  return inputs;
}

async function rerun(session: InferenceSession, inputs: readonly Tensor[], claimed: Root): Promise<Checked> {
  return { verdict: await judged(await outputRootOf(session, inputs), claimed, () => outputRootOf(session, inputs)) };
}

async function rerunTraced(session: InferenceSession, inputs: readonly Tensor[], claimed: Root): Promise<Checked> {
  const run = await tracedRun(session, inputs);
  return { verdict: await judged(run.outputRoot, claimed, () => outputRootOf(session, inputs)), run };
}

/** SAFETY: an accusation needs the same bits twice; a machine that contradicts itself knows nothing. */
async function judged(computed: Root, claimed: Root, runAgain: () => Promise<Root>): Promise<Verdict> {
  if (computed === claimed) return { kind: 'valid' };
  const again = await runAgain();
  if (again === computed) return { kind: 'invalid', computed };
  throw new AssayError({ code: 'SELF_TEST_FAILED', message: 'this machine gave two answers to one job', facts: { first: computed, second: again } });
}

async function outputRootOf(session: InferenceSession, inputs: readonly Tensor[]): Promise<Root> {
  return listRoot((await session.run(inputs)).map(tensorRoot));
}
