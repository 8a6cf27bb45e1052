import { isAddress, isHex, type Address, type Hex } from 'viem';
import { z } from 'zod';
import { MAX_RANK, type Root } from '#core/hashing';
import { AssayError, JOB_STATES, MAX_TENSORS, requestSchema } from '#core/protocol';

/**
 * One schema per message of proto/assay/v1, as proto-loader delivers it, turned into the nouns of #core/protocol.
 * Element types and data are only bounded here: whether they fit the model is for whoever knows the model.
 */

const decimal = z.string().regex(/^\d{1,39}$/, 'not a whole number in decimal').transform(BigInt);
const uint64 = z.string().regex(/^\d{1,20}$/).transform(BigInt);
const size = z.string().regex(/^\d{1,10}$/).transform(Number);
const address = z.custom<Address>((v) => typeof v === 'string' && isAddress(v, { strict: false }), 'not an address').transform((v) => v.toLowerCase() as Address);
const root = z.custom<Root>((v) => typeof v === 'string' && isHex(v) && v.length === 66, 'not 32 bytes of hex').transform((v) => v.toLowerCase() as Root);
const signature = z.custom<Hex>((v) => typeof v === 'string' && isHex(v) && v.length <= 2 + 2 * 4096, 'not a signature');
const bytes = z.instanceof(Uint8Array);
const absent = <T extends z.ZodType>(schema: T) => z.union([z.literal('').transform(() => undefined), schema]);
const milliseconds = uint64.transform((ms) => new Date(Number(ms)));

export const tensorMessage = z.object({ dtype: z.string().max(32), dims: z.array(size).max(MAX_RANK), data: bytes });
/** A tensor as it came in: nothing about it has been checked but the bounds. */
export type TensorMessage = z.output<typeof tensorMessage>;

export const requestMessage = z
  .object({ submitter: address, modelId: root, inputRoot: root, maxFee: decimal, insuredValue: decimal, deadline: uint64, nonce: uint64, verification: z.number(), redundancy: z.number() })
  .pipe(requestSchema);

export const claimMessage = z.object({
  jobId: root,
  modelId: root,
  inputRoot: root,
  outputRoot: root,
  executor: address,
  coordinator: address,
  fee: decimal,
  insuredValue: decimal,
});

const accessMessage = z.object({ submitter: address, until: uint64, signature });
/** A signature that shows who asks; what it covers is for whoever checks it. */
export type AccessMessage = z.output<typeof accessMessage>;
const pageSize = (usual: number) => z.number().int().min(0).transform((size) => Math.min(size || usual, MAX_PAGE));
const pageToken = z.string().max(512);

export const submitMessage = z.object({ request: requestMessage, signature, inputs: z.array(tensorMessage).max(MAX_TENSORS), waitMs: z.number().int().min(0) });
export const getJobMessage = z.object({ jobId: root, withOutputs: z.boolean(), withInputs: z.boolean(), access: accessMessage.nullable() });
export const watchJobMessage = z.object({ jobId: root });

const faultMessage = z.object({ code: z.string(), message: z.string(), facts: z.string(), remedy: z.string(), page: z.string() });
export type FaultMessage = z.output<typeof faultMessage>;

export const jobMessage = z.object({
  jobId: root,
  state: z.enum(JOB_STATES),
  modelId: root,
  submitter: address,
  fee: decimal,
  acceptedAt: milliseconds,
  updatedAt: milliseconds,
  executor: absent(address),
  claim: claimMessage.nullable().transform((claim) => claim ?? undefined),
  claimSignature: absent(signature),
  outputs: z.array(tensorMessage).max(MAX_TENSORS),
  receipt: z.string().transform((text) => text || undefined),
  batchId: uint64.transform((id) => (id === 0n ? undefined : id)),
  failureCode: z.string(),
  failureMessage: z.string(),
  inputs: z.array(tensorMessage).max(MAX_TENSORS),
});

export const submitStreamMessage = z.object({ tag: z.string().max(128), submit: z.unknown() });
export const submitStreamResponse = z.object({ tag: z.string(), job: jobMessage.nullable(), fault: faultMessage.nullable() });
export const cancelJobMessage = z.object({ jobId: root, access: accessMessage });
export const listJobsMessage = z.object({ access: accessMessage, pageSize: pageSize(50), pageToken, states: z.array(z.enum(JOB_STATES)).max(JOB_STATES.length), modelId: absent(root) });
export const jobListMessage = z.object({ jobs: z.array(jobMessage), nextPageToken: z.string() });

/** Text to look for. No database column holds a zero byte, nor can it be asked for one. */
const soughtText = z.string().max(128).refine((text) => !text.includes('\0'), 'holds a zero byte');
/** Letters, digits, and . _ - / : between them. */
const modelName = z.string().max(128).regex(/^[A-Za-z0-9]+([._\-/:]+[A-Za-z0-9]+)*$/, 'not a model name: letters, digits, and . _ - / : between them');
const registerHeader = z.object({ name: modelName, dims: z.record(z.string().max(256), z.number().int().positive()), profile: absent(root), fileSha256: absent(root), fileBytes: size, offset: size });
export const registerMessage = z.object({ header: registerHeader.nullable(), chunk: bytes });
export type RegisterHeader = z.output<typeof registerHeader>;

export const getModelMessage = z
  .object({ modelId: absent(root), name: soughtText })
  .refine((message) => message.modelId !== undefined || message.name !== '', 'neither model_id nor name is set');
export const listModelsMessage = z.object({ limit: pageSize(100), pageToken });
export const searchModelsMessage = z.object({ text: soughtText, limit: pageSize(100), pageToken });
export const tagModelMessage = z
  .object({ modelId: absent(root), name: soughtText, label: modelName })
  .refine((message) => message.modelId !== undefined || message.name !== '', 'neither model_id nor name is set');
export const modelVersionsMessage = z.object({ name: modelName });
export const uploadStatusMessage = z.object({ fileSha256: root });
export const uploadStatusResponse = z.object({ receivedBytes: size });

const tensorSpec = z.object({ name: z.string(), dtype: z.string(), dims: z.array(size) });
export const modelMessage = z.object({
  modelId: root,
  names: z.array(z.string()),
  bytes: size,
  profile: root,
  inputs: z.array(tensorSpec),
  outputs: z.array(tensorSpec),
  registeredAt: milliseconds,
});
export const modelChunkMessage = z.object({ chunk: bytes });
export const modelListMessage = z.object({ models: z.array(modelMessage), nextPageToken: z.string() });
export const modelVersionsResponse = z.object({ versions: z.array(z.object({ index: z.number(), tags: z.array(z.string()), model: modelMessage })) });

const peerMessage = z.object({ role: z.enum(['executor', 'challenger']), address, version: z.string(), profile: root, capacity: z.number(), running: z.number() });
const batchMessage = z.object({ batchId: uint64, root, count: z.number(), state: z.string(), transaction: absent(root) });

export const listPageMessage = z.object({ pageSize: pageSize(50), pageToken });
export const listDisputesMessage = listPageMessage.extend({ state: absent(z.enum(['open', 'upheld', 'overturned'])) });
export const peerListMessage = z.object({ peers: z.array(z.object({ peer: peerMessage, stake: decimal, exposure: decimal })), nextPageToken: z.string() });
export const batchListMessage = z.object({ batches: z.array(batchMessage), nextPageToken: z.string() });
export const disputeListMessage = z.object({
  disputes: z.array(z.object({ gameId: root, claim: root, challenger: address, state: z.enum(['open', 'upheld', 'overturned']), openedBlock: uint64, jobId: absent(root) })),
  nextPageToken: z.string(),
});
export const parametersMessage = z.object({
  chain: z.record(z.string(), z.string()),
  price: decimal,
  maxModelBytes: size,
  maxMessageBytes: size,
  maxDeadlineSeconds: size,
  maxOpenJobs: z.number(),
  submitterRate: z.number(),
  callerRate: z.number(),
});

export const statusMessage = z.object({
  chainId: size,
  disputes: address,
  batches: address,
  vault: address,
  token: address,
  coordinator: address,
  price: decimal,
  peers: z.array(peerMessage),
  jobs: z.record(z.string(), z.number()),
  batchesRecent: z.array(batchMessage),
  openDisputes: z.number(),
});

export type SubmitMessage = z.output<typeof submitMessage>;
export type JobView = z.output<typeof jobMessage>;
export type ModelView = z.output<typeof modelMessage>;
export type NetworkStatus = z.output<typeof statusMessage>;
export type StakedPeer = z.output<typeof peerListMessage>['peers'][number];
export type BatchSummary = z.output<typeof batchMessage>;
export type DisputeSummary = z.output<typeof disputeListMessage>['disputes'][number];
export type NetworkParameters = z.output<typeof parametersMessage>;
export type ModelVersion = z.output<typeof modelVersionsResponse>['versions'][number];

/** One page of a list, and how to ask for the next. */
export interface Page<T> {
  readonly items: readonly T[];
  /** undefined on the last page. */
  readonly nextPageToken: string | undefined;
}

/** Most entries of one page. */
export const MAX_PAGE = 100;

/** @throws AssayError MESSAGE_MALFORMED with every fault by its place */
export function parseMessage<S extends z.ZodType>(schema: S, message: unknown, name: string): z.output<S> {
  const parsed = schema.safeParse(message);
  if (parsed.success) return parsed.data;
  const faults = Object.fromEntries(parsed.error.issues.slice(0, 16).map((issue) => [issue.path.join('.') || name, issue.message]));
  throw new AssayError({ code: 'MESSAGE_MALFORMED', message: `${name} is malformed: ${Object.entries(faults).map(([at, fault]) => `${at}: ${fault}`).join('; ')}`, facts: { message: name, faults } });
}
