import { z } from 'zod';
import { isAddress, isHex, type Address, type Hex } from 'viem';
import { DTYPES, MAX_RANK, type Dtype } from '#core/hashing';

/**
 * Messages between Assay's own processes (NATS), one schema each. On the wire: CBOR; bigints and byte strings are native there.
 * Every list, text and payload has a named bound.
 */

export const MAX_INLINE_TENSOR_BYTES = 256 * 1024;
export const MAX_TENSORS = 64;
export const MAX_MODELS_PER_EXECUTOR = 1024;
export const MAX_CLAIMS_PER_PAGE = 256;

// WHY the metadata: a JSON Schema made of these says the same as the check.
const address = z.custom<Address>((v) => typeof v === 'string' && isAddress(v), 'not an address').meta({ type: 'string', pattern: '^0x[0-9a-fA-F]{40}$' });
const root = z.custom<Hex>((v) => typeof v === 'string' && isHex(v) && v.length === 66, 'not 32 bytes of hex').meta({ type: 'string', pattern: '^0x[0-9a-fA-F]{64}$' });
const signature = z.custom<Hex>((v) => typeof v === 'string' && isHex(v) && v.length <= 2 + 2 * 4096, 'not a signature');
const uint = (bits: number) => z.bigint().min(0n).max(2n ** BigInt(bits) - 1n);

export const requestSchema = z.strictObject({
  submitter: address,
  modelId: root,
  inputRoot: root,
  maxFee: uint(128),
  insuredValue: uint(128),
  deadline: uint(64),
  nonce: uint(64),
  verification: z.int().min(0).max(2),
  redundancy: z.int().min(1).max(16),
});

export const claimSchema = z.strictObject({
  jobId: root,
  modelId: root,
  inputRoot: root,
  outputRoot: root,
  executor: address,
  coordinator: address,
  fee: uint(128),
  insuredValue: uint(128),
});

/** A tensor in a message: its bytes inline up to MAX_INLINE_TENSOR_BYTES, else the name of an object in the bucket TENSOR_BUCKET. */
export const tensorPayloadSchema = z.strictObject({
  dtype: z.enum(Object.keys(DTYPES) as [Dtype, ...Dtype[]]),
  dims: z.array(z.int().min(0).max(2 ** 32 - 1)).max(MAX_RANK),
  inline: z.instanceof(Uint8Array).refine((b) => b.length <= MAX_INLINE_TENSOR_BYTES, 'inline tensor too large').optional(),
  object: root.optional(),
});
const tensors = z.array(tensorPayloadSchema).max(MAX_TENSORS);

/** Object store buckets: tensors by tensor root, canonical model files by model id. */
export const TENSOR_BUCKET = 'tensors';
export const MODEL_BUCKET = 'models';

/**
 * What the messages of this page are called together. It rises with every change that a process of the version before would
 * misunderstand; processes of different numbers do not work together, and say so (PEER_INCOMPATIBLE).
 */
export const PROTOCOL_VERSION = 1;
const protocol = z.int().min(0).max(65_535);

/** Published every PRESENCE_INTERVAL_MS by each executor and challenger on subjects.presence(role, address). */
export const presenceSchema = z.object({
  /** WHY a default: processes from before there was a number say none. WHY not strict: what a later version adds must not hide its number. */
  protocol: protocol.default(0),
  role: z.enum(['executor', 'challenger']),
  address,
  version: z.string().max(64),
  profile: root,
  /** Models loaded; an executor loads others on demand. */
  models: z.array(root).max(MAX_MODELS_PER_EXECUTOR),
  capacity: z.int().min(0).max(1024),
  running: z.int().min(0).max(4096),
});
export const PRESENCE_INTERVAL_MS = 2_000;

/** Executor or challenger → coordinator at its start, request/reply on subjects.hello. */
export const helloSchema = z.object({ role: z.enum(['executor', 'challenger']), version: z.string().max(64), protocol });

/** Coordinator → executor, request/reply on subjects.job(executor). */
export const jobSchema = z.strictObject({
  jobId: root,
  request: requestSchema,
  requestSignature: signature,
  coordinator: address,
  fee: uint(128),
  inputs: tensors,
  /** Milliseconds since 1970; after this the job belongs to someone else. */
  leaseUntil: z.int(),
});

/** Coordinator → executor, published on subjects.cancel(executor): nobody wants the answer any more. */
export const cancelSchema = z.strictObject({ jobId: root });

export const failureSchema = z.strictObject({ code: z.string().max(64), message: z.string().max(2048) });

export const answerSchema = z.union([
  z.strictObject({ claim: claimSchema, signature, outputs: tensors }),
  z.strictObject({ failure: failureSchema }),
]);

export const helloReplySchema = z.union([z.object({ version: z.string().max(64), protocol }), z.strictObject({ failure: failureSchema })]);

/** Anyone → coordinator, request/reply on subjects.claims: the claims of one batch, in leaf order. */
export const claimsQuerySchema = z.strictObject({ batchId: uint(64), from: z.int().min(0), limit: z.int().min(1).max(MAX_CLAIMS_PER_PAGE) });
export const claimsPageSchema = z.union([
  z.strictObject({
    total: z.int().min(0),
    claims: z.array(z.strictObject({ request: requestSchema, requestSignature: signature, claim: claimSchema, signature })).max(MAX_CLAIMS_PER_PAGE),
  }),
  z.strictObject({ failure: failureSchema }),
]);

/** Anyone → coordinator, request/reply on subjects.inputs: the input tensors of a claim; the asker checks them against claim.inputRoot. */
export const inputsQuerySchema = z.strictObject({ jobId: root });
export const inputsReplySchema = z.union([z.strictObject({ inputs: tensors }), z.strictObject({ failure: failureSchema })]);

/** Anyone → coordinator, request/reply on subjects.model: is the model known, and its file's size; the file is in MODEL_BUCKET under the id. */
export const modelQuerySchema = z.strictObject({ modelId: root });
export const modelReplySchema = z.union([z.strictObject({ name: z.string().max(256), bytes: z.int().min(0) }), z.strictObject({ failure: failureSchema })]);

export const subjects = {
  presence: (role: 'executor' | 'challenger', who: Address) => `assay.presence.${role}.${who.toLowerCase()}`,
  job: (executor: Address) => `assay.job.${executor.toLowerCase()}`,
  cancel: (executor: Address) => `assay.cancel.${executor.toLowerCase()}`,
  hello: 'assay.hello',
  claims: 'assay.claims',
  inputs: 'assay.inputs',
  model: 'assay.model',
} as const;

export type TensorPayload = z.infer<typeof tensorPayloadSchema>;
export type Presence = z.infer<typeof presenceSchema>;
export type Job = z.infer<typeof jobSchema>;
export type Answer = z.infer<typeof answerSchema>;
export type Failure = z.infer<typeof failureSchema>;
export type ClaimsQuery = z.infer<typeof claimsQuerySchema>;
export type ClaimsPage = z.infer<typeof claimsPageSchema>;
