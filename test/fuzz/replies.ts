import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import type { Hex } from 'viem';
import { listRoot, tensorRoot, type Root } from '#core/hashing';
import { AssayError, claimDigest, type NetworkId, type TensorPayload } from '#core/protocol';
import { CLAIMS, decodeMessage, HELLO, INPUTS, JOB, MODEL, PayloadStore, succeeded } from '#io/messaging';
import type { Answered } from '#sdk';
import { seededRandom } from '#testing';
import { checkClaim } from '../../apps/coordinator/assignment/claim-check.js';
import { claimsOfBatch } from '../../apps/challenger/checking/batch-claims.js';
import { outcomeOf, type Began } from './files.js';
import { mutated } from './mutation.js';
import { encodeObject, hostileObject } from './objects.js';
import { Counter, type Tally } from './tally.js';

/** A job with its answer, to make right replies of. */
export interface Right {
  readonly network: NetworkId;
  readonly job: Pick<Answered, 'jobId' | 'request' | 'claim' | 'inputs' | 'outputs' | 'executor'> & { readonly signature: Hex };
}

interface Reply {
  readonly name: string;
  readonly right: object;
  /** What whoever asked does with it. */
  readonly take: (bytes: Uint8Array) => unknown;
}

const SLOW_MS = 10_000;

/** What a hostile executor or coordinator answers, read and checked as whoever asked does it. */
export async function fuzzReplies(seed: number, cases: number, began: Began, { job, network }: Right): Promise<Tally> {
  const counter = new Counter(SLOW_MS);
  const replies = repliesTo(job, network);
  for (let i = 0; i < cases; i++) {
    const random = seededRandom(seed * 65_537 + i);
    const { name, right, take } = replies[i % replies.length]!;
    const what = `reply case ${i} (seed ${seed}, ${name})`;
    const bytes = random.next() < 0.7 ? hostileObject(right, random) : mutated(encodeObject(right), random);
    began(what);
    const started = performance.now();
    const outcome = await outcomeOf(() => take(bytes), (error) => counter.fault(`${what}: ${error}`));
    counter.note(outcome, performance.now() - started, what);
  }
  return counter.tally;
}

function repliesTo({ jobId, request, claim, signature, inputs, outputs, executor }: Right['job'], network: NetworkId): Reply[] {
  // WHY none: nothing of this size is in the object store.
  const payloads = new PayloadStore({ get: () => Promise.reject(new AssayError({ code: 'DATA_UNAVAILABLE' })) } as never, 'coordinator');
  const payload = ({ dtype, dims, data }: (typeof inputs)[number]) => ({ dtype, dims: [...dims], inline: new Uint8Array(data) }) as TensorPayload;
  const batched = { request: request.message, requestSignature: request.signature, claim, signature };
  const root = StandardMerkleTree.of([[claimDigest(network, claim)]], ['bytes32']).root as Root;
  const asked = { network, jobId: jobId as Root, request: request.message, fee: claim.fee, executor, coordinator: claim.coordinator, outputs };
  return [
    { name: 'answer', right: { claim, signature, outputs: outputs.map(payload) }, take: async (bytes) => {
      const answer = succeeded(decodeMessage(JOB.reply, bytes));
      return checkClaim(asked, { claim: answer.claim, signature: answer.signature, outputs: await payloads.unpack(answer.outputs) });
    } },
    { name: 'claims', right: { total: 1, claims: [batched] }, take: (bytes) => claimsOfBatch({ batchId: 1n, root, count: 1, coordinator: claim.coordinator, block: 1n }, succeeded(decodeMessage(CLAIMS.reply, bytes)).claims, network) },
    { name: 'inputs', right: { inputs: inputs.map(payload) }, take: async (bytes) => {
      const tensors = await payloads.unpack(succeeded(decodeMessage(INPUTS.reply, bytes)).inputs);
      if (listRoot(tensors.map(tensorRoot)) !== claim.inputRoot) throw new AssayError({ code: 'DATA_UNAVAILABLE' });
    } },
    { name: 'model', right: { name: 'mnist', bytes: 26_000 }, take: (bytes) => succeeded(decodeMessage(MODEL.reply, bytes)) },
    { name: 'hello', right: { version: 'fuzz', protocol: 1 }, take: (bytes) => succeeded(decodeMessage(HELLO.reply, bytes)) },
  ];
}
