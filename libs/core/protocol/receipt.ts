import { concatHex, isAddressEqual, isHex, keccak256, type Address, type Hex } from 'viem';
import { z } from 'zod';
import type { Root } from '#core/hashing';
import { AssayError } from './errors.js';
import { claimDigest, jobIdOf, type Claim, type NetworkId, type Request } from './messages.js';
import { isSignedBy } from './signatures.js';
import { claimSchema, requestSchema } from './wire.js';

/**
 * Receipt version 1: everything needed to hold an answer against its executor, as one JSON document.
 * Whole numbers are decimal text. Frozen; a later form gets another version.
 */

/** Siblings in a batch's tree; 2^32 claims. */
export const MAX_PROOF_LENGTH = 32;
export const MAX_RECEIPT_CHARACTERS = 64 * 1024;

const decimal = z.string().regex(/^\d{1,39}$/, 'not a whole number').transform(BigInt);
const { submitter: address, inputRoot: root } = requestSchema.shape;
const signature = z.custom<Hex>((v) => typeof v === 'string' && isHex(v) && v.length <= 2 + 2 * 4096, 'not a signature').meta({ type: 'string', pattern: '^0x[0-9a-fA-F]{0,8192}$' });

const signedRequest = z.strictObject({
  message: z.strictObject({ ...requestSchema.shape, maxFee: decimal, insuredValue: decimal, deadline: decimal, nonce: decimal }).pipe(requestSchema),
  signature,
});
const signedClaim = z.strictObject({
  message: z.strictObject({ ...claimSchema.shape, fee: decimal, insuredValue: decimal }).pipe(claimSchema),
  signature,
});

export const receiptSchema = z.strictObject({
  version: z.literal(1),
  network: z.strictObject({ chainId: z.int().positive(), disputes: address }),
  request: signedRequest,
  claim: signedClaim,
  /** Absent until the claim is in a batch on chain. */
  batch: z.strictObject({ id: decimal, root, proof: z.array(root).max(MAX_PROOF_LENGTH) }).optional(),
});

export type Receipt = z.output<typeof receiptSchema>;

/** JSON Schema (2020-12) of a receipt as it is written down; docs/receipt.schema.json is generated from this. */
export function receiptJsonSchema(): object {
  return { title: 'Assay receipt, version 1', ...z.toJSONSchema(receiptSchema, { io: 'input', unrepresentable: 'any' }) };
}

/** @throws AssayError RECEIPT_MALFORMED */
export function parseReceipt(text: string): Receipt {
  if (text.length > MAX_RECEIPT_CHARACTERS) throw malformed(`longer than ${MAX_RECEIPT_CHARACTERS} characters`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw malformed('not JSON', cause);
  }
  const parsed = receiptSchema.safeParse(json);
  if (!parsed.success) throw malformed(z.prettifyError(parsed.error), parsed.error);
  return parsed.data;
}

function malformed(reason: string, cause?: unknown): AssayError {
  return new AssayError({ code: 'RECEIPT_MALFORMED', message: `not a receipt: ${reason}`, facts: { reason }, cause });
}

export function formatReceipt(receipt: Receipt): string {
  return JSON.stringify(receipt, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value), 2);
}

/** What the chain says about a receipt; whoever verifies reads it from an endpoint they trust. */
export interface ReceiptFacts {
  readonly network: NetworkId;
  /** The batch under receipt.batch.id; undefined if there is none. Times in seconds of the chain's clock. */
  readonly batch: { readonly root: Root; readonly coordinator: Address; readonly committedAt: bigint } | undefined;
  readonly challengeWindow: bigint;
  readonly now: bigint;
  /** True once a fault of the claim has been proven. */
  readonly overturned: boolean;
  /** True as long as something that was asked of its batch on chain is not shown: it cannot be checked. */
  readonly withheld?: boolean;
  /** What the submitter's contract says to its signature (ERC-1271); left out for ordinary accounts. */
  readonly contractSignatureValid?: boolean;
}

export interface ReceiptCheck {
  readonly name: 'network' | 'job' | 'request-signature' | 'claim' | 'claim-signature' | 'inclusion' | 'batch';
  readonly ok: boolean;
  readonly detail: string;
}

export interface ReceiptVerdict {
  /** Every check holds and the claim was not overturned. */
  readonly ok: boolean;
  /** pending: not on chain yet. challengeable: also while its batch is withheld. */
  readonly finality: 'pending' | 'challengeable' | 'final' | 'overturned';
  readonly checks: readonly ReceiptCheck[];
}

/** Checks a receipt against itself and against what the chain says. Decides, does not throw. */
export async function verifyReceipt(receipt: Receipt, facts: ReceiptFacts): Promise<ReceiptVerdict> {
  const checks = [
    networkCheck(receipt, facts.network),
    jobCheck(receipt),
    await requestSignatureCheck(receipt, facts),
    claimCheck(receipt),
    await claimSignatureCheck(receipt),
    ...(receipt.batch ? [inclusionCheck(receipt, receipt.batch), batchCheck(receipt, receipt.batch, facts)] : []),
  ];
  const finality = finalityOf(receipt, facts);
  return { ok: checks.every((check) => check.ok) && finality !== 'overturned', finality, checks };
}

/** The value of one leaf in a batch's tree (OpenZeppelin StandardMerkleTree over ["bytes32"]). */
export const BATCH_LEAF_TYPES = ['bytes32'];

function finalityOf({ batch }: Receipt, facts: ReceiptFacts): ReceiptVerdict['finality'] {
  if (facts.overturned) return 'overturned';
  if (!batch || !facts.batch) return 'pending';
  return !facts.withheld && facts.now >= facts.batch.committedAt + facts.challengeWindow ? 'final' : 'challengeable';
}

function networkCheck({ network }: Receipt, expected: NetworkId): ReceiptCheck {
  const ok = network.chainId === expected.chainId && isAddressEqual(network.disputes, expected.disputes);
  return { name: 'network', ok, detail: ok ? `chain ${network.chainId}` : `for chain ${network.chainId} and ${network.disputes}, not ${expected.chainId} and ${expected.disputes}` };
}

function jobCheck({ network, request, claim }: Receipt): ReceiptCheck {
  const jobId = jobIdOf(network, request.message);
  const ok = jobId === claim.message.jobId;
  return { name: 'job', ok, detail: ok ? `job ${jobId}` : `the request is job ${jobId}, the claim is about ${claim.message.jobId}` };
}

async function requestSignatureCheck({ network, request }: Receipt, facts: ReceiptFacts): Promise<ReceiptCheck> {
  const { submitter } = request.message;
  const ok = facts.contractSignatureValid ?? (await isSignedBy(submitter, jobIdOf(network, request.message), request.signature));
  return { name: 'request-signature', ok, detail: ok ? `signed by ${submitter}` : `not signed by ${submitter}` };
}

function claimCheck({ request, claim }: Receipt): ReceiptCheck {
  const fault = claimFault(request.message, claim.message);
  return { name: 'claim', ok: fault === undefined, detail: fault ?? 'answers the request' };
}

async function claimSignatureCheck({ network, claim }: Receipt): Promise<ReceiptCheck> {
  const { executor } = claim.message;
  const ok = await isSignedBy(executor, claimDigest(network, claim.message), claim.signature);
  return { name: 'claim-signature', ok, detail: ok ? `signed by ${executor}` : `not signed by ${executor}` };
}

function inclusionCheck({ network, claim }: Receipt, batch: NonNullable<Receipt['batch']>): ReceiptCheck {
  const ok = batchRootFrom(claimDigest(network, claim.message), batch.proof) === batch.root;
  return { name: 'inclusion', ok, detail: ok ? `in the tree of batch ${batch.id}` : 'the proof does not lead to the batch’s root' };
}

/** The leaf is hashed twice, pairs in order of size: as StandardMerkleTree over BATCH_LEAF_TYPES has it. */
function batchRootFrom(digest: Root, proof: readonly Root[]): Root {
  return proof.reduce((node, sibling) => keccak256(concatHex(node < sibling ? [node, sibling] : [sibling, node])), keccak256(keccak256(digest)));
}

function batchCheck({ claim }: Receipt, batch: NonNullable<Receipt['batch']>, facts: ReceiptFacts): ReceiptCheck {
  const on = facts.batch;
  if (!on) return { name: 'batch', ok: false, detail: `there is no batch ${batch.id} on chain` };
  if (on.root !== batch.root) return { name: 'batch', ok: false, detail: `batch ${batch.id} has root ${on.root} on chain, not ${batch.root}` };
  const ok = isAddressEqual(on.coordinator, claim.message.coordinator);
  return { name: 'batch', ok, detail: ok ? `batch ${batch.id} is on chain` : `batch ${batch.id} was posted by ${on.coordinator}, the claim names ${claim.message.coordinator}` };
}

/** Why the claim cannot be an answer to the request, apart from the job id; undefined if it can. */
export function claimFault(request: Request, claim: Claim): string | undefined {
  if (claim.modelId !== request.modelId) return `the claim is about model ${claim.modelId}, the request about ${request.modelId}`;
  if (claim.inputRoot !== request.inputRoot) return `the claim is about input ${claim.inputRoot}, the request about ${request.inputRoot}`;
  if (claim.insuredValue !== request.insuredValue) return `the claim insures ${claim.insuredValue}, the request asks for ${request.insuredValue}`;
  if (claim.fee > request.maxFee) return `the claim's fee ${claim.fee} is above the request's ${request.maxFee}`;
  return undefined;
}
