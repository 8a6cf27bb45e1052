import { AssayError, asAssayError, claimDigest, type Claim, type Receipt } from '#core/protocol';
import type { Root } from '#core/hashing';
import type { Chain, Consumer, ContractRequest } from '#io/chain';
import type { Answered, Connection } from './connection.js';
import { repeated } from './retries.js';

export interface Relayed {
  readonly jobId: Root;
  /** Of the transaction that delivered the answer. */
  readonly transaction: Root;
  readonly executor: string;
  /** Claims about the job that were overturned on the way, told to the contract. */
  readonly retracted: readonly Root[];
}

export interface RelayParts {
  readonly assay: Connection;
  /** Its account sends the transactions; anybody's will do. */
  readonly chain: Chain;
  readonly consumer: Consumer;
  /** Milliseconds in which a job must become final. */
  readonly timeoutMs?: number;
}

/** The contract itself says which requests are its own (ERC-1271). */
const NO_SIGNATURE = '0x';
const PATIENCE_MS = 600_000;
/** A block later than the coordinator's clock. */
const FINAL_ON_CHAIN_MS = 60_000;

/**
 * Carries a contract's request to the coordinator and the final answer back; undefined if the contract waits for none any
 * more. Doing it twice does nothing twice: the request is its own job id, the contract takes one answer.
 * @throws AssayError as the coordinator's, or CHAIN_REVERTED as the contract's
 */
export async function relayRequest(parts: RelayParts, asked: ContractRequest): Promise<Relayed | undefined> {
  const { assay, consumer, timeoutMs = PATIENCE_MS } = parts;
  if ((await consumer.progressOf(asked.jobId)) !== 'asked') return undefined;
  const { jobId, request: message, inputs } = asked;
  const first = await assay.send({ jobId, message, signature: NO_SIGNATURE }, { inputs, waitMs: timeoutMs });
  const seen = await claimsUntilFinal(parts, first, timeoutMs);
  const last = await first.final({ timeoutMs });
  const wrong = [...seen].filter(([digest]) => digest !== claimDigest(assay.network, last.claim));
  const retracted: Root[] = [];
  for (const [digest, claim] of wrong) if (await retract(parts, asked, claim)) retracted.push(digest);
  const { hash } = await deliver(parts, asked, last);
  return { jobId, transaction: hash, executor: last.claim.executor, retracted };
}

/** Every claim that answered the job on its way, by digest. */
async function claimsUntilFinal({ assay }: RelayParts, first: Answered, timeoutMs: number): Promise<Map<Root, Claim>> {
  const seen = new Map([[claimDigest(assay.network, first.claim), first.claim]]);
  const note = (claim: Claim | undefined) => claim && seen.set(claimDigest(assay.network, claim), claim);
  await repeated((msLeft) => assay.until(first.jobId, (job) => (note(job.claim), job.state === 'final'), msLeft), timeoutMs);
  return seen;
}

async function retract({ chain, consumer, assay }: RelayParts, { request }: ContractRequest, claim: Claim): Promise<boolean> {
  if (!(await chain.disputes.overturned(claimDigest(assay.network, claim)))) return false;
  return consumer.retract(request, claim).then(() => true, (error: unknown) => {
    if (refusedAs(error, 'NotOverturned')) return false;
    throw error;
  });
}

async function deliver({ chain, consumer }: RelayParts, { jobId, request }: ContractRequest, { receipt, outputs }: Pick<Answered, 'receipt' | 'outputs'>) {
  const placed = await placeOf(jobId, receipt, chain);
  for (const deadline = Date.now() + FINAL_ON_CHAIN_MS; ; ) {
    try {
      return await consumer.deliver(request, placed, outputs);
    } catch (error) {
      if (!refusedAs(error, 'NotFinal') || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

async function placeOf(jobId: Root, receipt: Receipt | undefined, chain: Chain) {
  if (!receipt?.batch) throw new AssayError({ code: 'RECEIPT_MISMATCH', message: 'a final job without a place in a batch', facts: { jobId } });
  const { id: batchId, proof } = receipt.batch;
  return { claim: receipt.claim.message, batchId, batch: await chain.batches.batch(batchId), proof };
}

const refusedAs = (error: unknown, name: string) => asAssayError(error).facts['error'] === name;
