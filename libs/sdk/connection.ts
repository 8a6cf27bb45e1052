import type { Address, LocalAccount } from 'viem';
import { listRoot, tensorRoot, type Root, type Tensor, type TensorHeader } from '#core/hashing';
import { accessTypedData, asAssayError, AssayError, claimDigest, claimFault, isSignedBy, isTerminal, NO_JOB, type Access, type Claim, type JobState, type NetworkId, type Receipt, type ReceiptVerdict } from '#core/protocol';
import type { Chain, Deployment } from '#io/chain';
import { SUBMIT_WAIT_MS, type Coordinator, type StreamSubmission, type ModelReference, type ModelView, type NetworkStatus, type Page, type Registration, type RemoteJob, type SignedAccess } from '#io/rpc';
import { verifyOnChain } from './receipts.js';
import { repeated } from './retries.js';
import { buildRequest, inputRootOf, signRequest, type RequestOptions, type SignedRequest } from './requests.js';

/** What a connection needs beside a coordinator. */
export interface ConnectionOptions {
  /** Signs requests; without it the connection can only read. */
  readonly account?: LocalAccount;
  /** Receipts are held against it in `verified()` and `final()`; without it they rest on the coordinator's word about its batches. */
  readonly chain?: Chain;
  /** The network to sign for. Without it, the coordinator is believed when it names its chain and contract. */
  readonly deployment?: Deployment;
}

export interface SubmitOptions extends RequestOptions {
  /** By id, or by name. */
  readonly model: Root | { readonly name: string };
  readonly inputs: readonly Tensor[];
  /** Milliseconds to wait for the answer. */
  readonly waitMs?: number;
}

/** An answered job: outputs and claim are checked against each other, the request, and the executor's signature. */
export interface Answered {
  readonly jobId: Root;
  readonly request: SignedRequest;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly claim: Claim;
  readonly executor: Address;
  readonly receipt: Receipt | undefined;
  /**
   * The answer once its claim is in a batch on chain, where it can be disputed; checked against the chain if the connection has one.
   * @throws AssayError PEER_SILENT after `timeoutMs`, RECEIPT_MISMATCH, JOB_FAILED
   */
  verified(options?: WaitOptions): Promise<Outcome>;
  /** The answer once nobody can overturn it any more; another than the first if that was proven wrong. @throws AssayError as verified */
  final(options?: WaitOptions): Promise<Outcome>;
}

export interface WaitOptions {
  /** Milliseconds; ten minutes if left out. */
  readonly timeoutMs?: number;
}

/** An answer that stands at some stage. */
export interface Outcome extends Omit<Answered, 'verified' | 'final'> {
  readonly state: JobState;
  /** What the chain says; undefined for a connection without a chain. */
  readonly verdict: ReceiptVerdict | undefined;
  /** The first answer was proven wrong; this is another executor's. */
  readonly replaced: boolean;
}

export type StreamedAnswer = { readonly tag: string } & ({ readonly answer: Answered } | { readonly error: AssayError });

/** Half of what a coordinator allows, for clocks that differ. */
const ACCESS_SECONDS = 1_800n;

/** How a model's tensors are called and shaped. */
export type Signature = readonly (TensorHeader & { readonly name: string })[];

/** A submitter's connection to a network: all of it that works in a page too. */
export class Connection {
  protected constructor(
    readonly client: Coordinator,
    readonly network: NetworkId,
    private readonly options: Pick<ConnectionOptions, 'account' | 'chain'>,
  ) {}

  /** Asks the coordinator which network it works for. @throws AssayError COORDINATOR_UNREACHABLE, CHAIN_MISMATCH if that is another than `deployment` */
  protected static async networkOf(client: Coordinator, { deployment }: ConnectionOptions): Promise<NetworkId> {
    try {
      const { chainId, disputes } = await client.status();
      const network = deployment ? { chainId: deployment.chainId, disputes: deployment.disputes } : { chainId, disputes };
      // SAFETY: a request signed for another contract could be claimed there; never let a coordinator choose that.
      if (network.chainId !== chainId || network.disputes.toLowerCase() !== disputes.toLowerCase()) throw otherNetwork(client.target, network, { chainId, disputes });
      return network;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  status(): Promise<NetworkStatus> {
    return this.client.status();
  }

  register(registration: Registration): Promise<ModelView> {
    return this.client.registerModel(registration);
  }

  model(reference: ModelReference): Promise<ModelView> {
    return this.client.model(reference);
  }

  /** Signs a request for these inputs without sending it. */
  async sign({ model, inputs, ...options }: SubmitOptions): Promise<SignedRequest> {
    const account = this.signer();
    const modelId = typeof model === 'string' ? model : (await this.model(model)).modelId;
    const now = BigInt(Math.floor(Date.now() / 1000));
    return signRequest(account, this.network, buildRequest(account, { ...options, modelId, inputs, now }));
  }

  /** Signs, submits, waits for the answer and checks it. @throws AssayError as the coordinator's, CLAIM_INVALID, CLAIM_SIGNATURE_INVALID */
  async submit(options: SubmitOptions): Promise<Answered> {
    return this.send(await this.sign(options), options);
  }

  /** Submits a request that is signed already. The same request again is the same job; when `gone` aborts, it is called off unless it has an answer. */
  async send(request: SignedRequest, { inputs, waitMs, gone }: { inputs: readonly Tensor[]; waitMs?: number; gone?: AbortSignal }): Promise<Answered> {
    const submission = { request: request.message, signature: request.signature, inputs };
    const job = await repeated((msLeft) => this.client.submit(submission, msLeft, gone), waitMs ?? SUBMIT_WAIT_MS, gone);
    return this.answered(job, { request, inputs, network: this.network });
  }

  /** Many submissions over one call; each answer comes as soon as it is there, under its tag (else its number, from 0). */
  async *stream(jobs: AsyncIterable<SubmitOptions & { tag?: string }> | Iterable<SubmitOptions & { tag?: string }>): AsyncGenerator<StreamedAnswer, void, void> {
    const asked = new Map<string, Asked>();
    const signed = async function* (this: Connection): AsyncGenerator<StreamSubmission, void, void> {
      let count = 0;
      for await (const { tag = String(count), ...options } of jobs) {
        const request = await this.sign(options);
        const { inputs, waitMs = SUBMIT_WAIT_MS } = options;
        asked.set(tag, { request, inputs, network: this.network });
        count++;
        yield { tag, request: request.message, signature: request.signature, inputs, waitMs };
      }
    };
    for await (const reply of this.client.submitStream(signed.call(this))) {
      const about = asked.get(reply.tag);
      asked.delete(reply.tag);
      if ('error' in reply || !about) yield 'error' in reply ? reply : { tag: reply.tag, error: new AssayError({ code: 'MESSAGE_MALFORMED', message: 'an answer to nothing that was asked' }) };
      else yield await this.answered(reply.job, about).then((answer) => ({ tag: reply.tag, answer }), (error: unknown) => ({ tag: reply.tag, error: asAssayError(error) }));
    }
  }

  private async answered(job: RemoteJob, asked: Asked): Promise<Answered> {
    const answer = await answeredBy(job, asked);
    const reach = (states: readonly JobState[]) => ({ timeoutMs = 600_000 }: WaitOptions = {}) => this.outcome(asked, answer, { states, timeoutMs });
    return { ...answer, verified: reach(['challengeable', 'upheld', 'final']), final: reach(['final']) };
  }

  private async outcome(asked: Asked, first: AnswerData, { states, timeoutMs }: { states: readonly JobState[]; timeoutMs: number }): Promise<Outcome> {
    const { jobId } = asked.request;
    await repeated((msLeft) => this.until(jobId, (job) => states.includes(job.state), msLeft), timeoutMs);
    const job = await repeated(() => this.job(jobId), timeoutMs);
    const answer = await answeredBy(job, asked);
    const { chain } = this.options;
    const verdict = chain && answer.receipt && (await verifyOnChain(answer.receipt, chain));
    if (verdict?.ok === false) throw new AssayError({ code: 'RECEIPT_MISMATCH', facts: { jobId, finality: verdict.finality, failed: verdict.checks.filter((check) => !check.ok) } });
    return { ...answer, state: job.state, verdict, replaced: answer.claim.outputRoot !== first.claim.outputRoot };
  }

  /** Gives up a job of ours that has no answer yet. @throws AssayError ACCESS_DENIED, STATE_CONFLICT if it is answered already */
  async cancel(jobId: Root): Promise<RemoteJob> {
    return this.client.cancelJob(jobId, await this.access('cancel', jobId));
  }

  /** Our jobs, newest first. */
  async jobs(page: { limit?: number; pageToken?: string | undefined; states?: readonly JobState[]; modelId?: Root } = {}): Promise<Page<RemoteJob>> {
    return this.client.jobs(await this.access('list', NO_JOB), page);
  }

  /** The input tensors of a job of ours, as the coordinator keeps them. @throws AssayError INPUT_ROOT_MISMATCH if they are others */
  async inputs(receipt: Receipt): Promise<readonly Tensor[]> {
    const { jobId, inputRoot } = receipt.claim.message;
    const { inputs } = await this.client.job(jobId, { inputs: await this.access('inputs', jobId) });
    const found = inputRootOf(inputs);
    if (found !== inputRoot) throw new AssayError({ code: 'INPUT_ROOT_MISMATCH', message: 'the coordinator keeps other inputs than the receipt’s', facts: { expected: inputRoot, found } });
    return inputs;
  }

  private async access(action: Access['action'], jobId: Root): Promise<SignedAccess> {
    const account = this.signer();
    const message: Access = { submitter: account.address, action, jobId, until: BigInt(Math.floor(Date.now() / 1000)) + ACCESS_SECONDS };
    return { message, signature: await account.signTypedData(accessTypedData(this.network, message)) };
  }

  private signer(): LocalAccount {
    if (this.options.account) return this.options.account;
    throw new AssayError({ code: 'USAGE', message: 'no key to sign the request with', remedy: 'Give an account: ASSAY_PRIVATE_KEY on the command line.' });
  }

  job(jobId: Root): Promise<RemoteJob> {
    return this.client.job(jobId, { withOutputs: true });
  }

  /** Resolves with the job's first state for which `holds` is true. @throws AssayError PEER_SILENT after `timeoutMs` */
  async until(jobId: Root, holds: (job: RemoteJob) => boolean, timeoutMs: number): Promise<RemoteJob> {
    const stop = new AbortController();
    try {
      for await (const job of this.client.watchJob(jobId, { timeoutMs, signal: stop.signal })) if (holds(job)) return job;
    } finally {
      stop.abort();
    }
    const job = await this.client.job(jobId);
    if (holds(job)) return job;
    throw new AssayError({ code: 'JOB_FAILED', message: `job ${jobId} ended as ${job.state}`, facts: { jobId, state: job.state, failure: job.failure } });
  }

  /** The job once nothing can change any more. */
  final(jobId: Root, timeoutMs = 600_000): Promise<RemoteJob> {
    return repeated((msLeft) => this.until(jobId, (job) => isTerminal(job.state), msLeft), timeoutMs);
  }

  verify(receipt: Receipt, chain: Chain): Promise<ReceiptVerdict> {
    return verifyOnChain(receipt, chain);
  }

  close(): void {
    this.client.close();
  }
}

type AnswerData = Omit<Answered, 'verified' | 'final'>;

interface Asked {
  readonly request: SignedRequest;
  readonly inputs: readonly Tensor[];
  readonly network: NetworkId;
}

/** SAFETY: a coordinator could pass on outputs that nobody signed; whoever relies on an answer relies on the claim. */
async function answeredBy(job: RemoteJob, { request, inputs, network }: Asked): Promise<AnswerData> {
  const { claim, claimSignature, outputs, receipt } = job;
  if (!claim || !claimSignature) throw new AssayError({ code: job.failure ? 'JOB_FAILED' : 'JOB_PENDING', facts: { jobId: job.jobId, state: job.state, failure: job.failure } });
  const fault = claimFaultOf(claim, request, outputs);
  if (fault) throw new AssayError({ code: 'CLAIM_INVALID', message: fault, facts: { jobId: request.jobId, executor: claim.executor } });
  if (!(await isSignedBy(claim.executor, claimDigest(network, claim), claimSignature))) throw new AssayError({ code: 'CLAIM_SIGNATURE_INVALID', facts: { jobId: request.jobId, executor: claim.executor } });
  return { jobId: request.jobId, request, inputs, outputs, claim, executor: claim.executor, receipt };
}

function claimFaultOf(claim: Claim, request: SignedRequest, outputs: readonly Tensor[]): string | undefined {
  if (claim.jobId !== request.jobId) return `the claim is about job ${claim.jobId}, not ${request.jobId}`;
  const outputRoot = listRoot(outputs.map(tensorRoot));
  if (claim.outputRoot !== outputRoot) return `the outputs have root ${outputRoot}, the claim says ${claim.outputRoot}`;
  return claimFault(request.message, claim);
}

function otherNetwork(url: string, expected: NetworkId, found: NetworkId): AssayError {
  return new AssayError({ code: 'CHAIN_MISMATCH', message: `the coordinator at ${url} works for another network`, facts: { expected, found }, remedy: 'Connect to a coordinator of your network, or give the deployment of this one.' });
}
