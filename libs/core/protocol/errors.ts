/**
 * Who has to act on an error: the caller sent something malformed (invalid), a rule says no (refused),
 * the world is not there right now (unavailable), or an invariant of this program does not hold (broken).
 */
export type ErrorKind = 'invalid' | 'refused' | 'unavailable' | 'broken';

/** Names of gRPC status codes (grpc/status.h); core knows no gRPC, the rpc room maps them. */
export type StatusName =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'UNAUTHENTICATED'
  | 'FAILED_PRECONDITION'
  | 'RESOURCE_EXHAUSTED'
  | 'DEADLINE_EXCEEDED'
  | 'UNAVAILABLE'
  | 'ABORTED'
  | 'UNIMPLEMENTED'
  | 'INTERNAL';

export interface ErrorCodeEntry {
  readonly kind: ErrorKind;
  readonly grpc: StatusName;
  /** One sentence: what happened. */
  readonly summary: string;
  /** One sentence: what to do about it. */
  readonly remedy: string;
}

const invalid = (summary: string, remedy: string, grpc: StatusName = 'INVALID_ARGUMENT'): ErrorCodeEntry => ({ kind: 'invalid', grpc, summary, remedy });
const refused = (summary: string, remedy: string, grpc: StatusName = 'FAILED_PRECONDITION'): ErrorCodeEntry => ({ kind: 'refused', grpc, summary, remedy });
const unavailable = (summary: string, remedy: string, grpc: StatusName = 'UNAVAILABLE'): ErrorCodeEntry => ({ kind: 'unavailable', grpc, summary, remedy });
const broken = (summary: string, remedy: string, grpc: StatusName = 'INTERNAL'): ErrorCodeEntry => ({ kind: 'broken', grpc, summary, remedy });

/** Every error code of the project, once. Codes are stable: rename none, add at the end of a group. docs/errors.md is generated from this. */
export const ERROR_CODES = {
  // Requests
  MESSAGE_MALFORMED: invalid('A message does not have the form its schema demands.', 'Compare the message with the proto file or schema named in the facts.'),
  TENSOR_COUNT_MISMATCH: invalid('The number of input tensors differs from the model’s signature.', 'Send one tensor per input, in signature order.'),
  TENSOR_SHAPE_MISMATCH: invalid('An input tensor has another shape than the model’s signature.', 'Reshape the tensor to the shape in the facts.'),
  TENSOR_DTYPE_MISMATCH: invalid('An input tensor has another element type than the model’s signature.', 'Convert the tensor to the element type in the facts.'),
  TENSOR_DATA_MISMATCH: invalid('A tensor’s data has another length than its shape and element type need, or is not canonical.', 'Send row-major little-endian data, NaNs as 0x7fc00000.'),
  TENSOR_TOO_LARGE: invalid('A tensor is larger than the limit.', 'Split the batch or use a coordinator with a higher limit.', 'RESOURCE_EXHAUSTED'),
  INPUT_ROOT_MISMATCH: invalid('The signed input root is not the root of the tensors sent.', 'Sign the list root of the tensors’ roots in signature order.'),
  REQUEST_SIGNATURE_INVALID: invalid('The request’s signature is not by its submitter on this network.', 'Sign the EIP-712 request with the submitter’s key and this network’s chain id and contract.', 'UNAUTHENTICATED'),
  REQUEST_EXPIRED: refused('The request’s deadline has passed, or is further away than allowed.', 'Sign a new request with a later deadline and a new nonce; if the facts show another time than it is here, set this machine’s clock.'),
  NONCE_REUSED: refused('The submitter already used this nonce for another request.', 'Sign the request again with an unused nonce.', 'ALREADY_EXISTS'),
  VERIFICATION_UNSUPPORTED: refused('The coordinator does not offer this kind of verification.', 'Ask for a kind of verification named in the facts.', 'UNIMPLEMENTED'),
  FEE_TOO_LOW: refused('The request’s highest fee is below the price of the job.', 'Raise maxFee to at least the price in the facts.'),
  BALANCE_RESERVED: refused('What this account has in the vault is kept for the bonds of disputes.', 'Deposit more into the vault; the facts say what is needed.'),
  DEPOSIT_TOO_LOW: refused('The submitter’s deposit does not cover the fee.', 'Deposit at least the amount in the facts into the vault.'),
  INSURED_VALUE_TOO_HIGH: refused('No executor’s stake covers the insured value.', 'Lower the insured value to at most the amount in the facts.'),
  JOB_UNKNOWN: refused('There is no job with this id.', 'Check the id, the network and the coordinator.', 'NOT_FOUND'),
  JOB_FAILED: refused('No executor answered the job; nothing is charged.', 'Submit again with a new nonce, or look at the failure in the facts.', 'ABORTED'),
  JOB_PENDING: unavailable('The answer is not there yet.', 'The job goes on: get or watch it by its id.', 'DEADLINE_EXCEEDED'),
  QUEUE_FULL: unavailable('The coordinator has as many open jobs as it takes.', 'Try again later.', 'RESOURCE_EXHAUSTED'),
  JOB_CANCELLED: refused('The job was cancelled before it was answered; nothing is charged.', 'Submit the same request again if the answer is wanted after all.', 'ABORTED'),
  RATE_LIMITED: unavailable('More calls in a short time than the coordinator takes from one caller.', 'Wait as long as the retry hint says, then go on more slowly.', 'RESOURCE_EXHAUSTED'),
  NO_EXECUTOR: unavailable('No executor that can take the job is present.', 'Start an executor with stake, or try again later.'),
  ACCESS_DENIED: refused('Only the job’s submitter may ask for this.', 'Sign the access with the submitter’s key for this network, valid for at most an hour; check this machine’s clock.', 'PERMISSION_DENIED'),

  // The gateway
  KEY_MISSING: refused('The gateway signs only for callers with an API key, and the call has none.', 'Send `authorization: Bearer KEY`; a key comes from `assay key create`.', 'UNAUTHENTICATED'),
  KEY_UNKNOWN: refused('The gateway does not know this API key.', 'Check the key and the gateway’s address; keys are shown once, when they are made.', 'UNAUTHENTICATED'),
  KEY_EXPIRED: refused('The API key has expired.', 'Make another: `assay key create`.', 'UNAUTHENTICATED'),
  KEY_REVOKED: refused('The API key was revoked.', 'Make another: `assay key create`.', 'UNAUTHENTICATED'),
  KEY_CAP_REACHED: refused('The job would take the API key above its spending cap.', 'Make a key with a higher cap: `assay key create --cap`.', 'RESOURCE_EXHAUSTED'),
  IDEMPOTENCY_KEY_REUSED: refused('The idempotency key was used for another model or other inputs.', 'Choose a new idempotency key for a new request.', 'ALREADY_EXISTS'),
  TENSOR_NAME_UNKNOWN: invalid('The model has no tensor of this name, or it was given twice.', 'Use the names of the model’s metadata, each once.'),
  OPTION_UNSUPPORTED: refused('The gateway does not offer this option of the protocol.', 'Leave the option out; the facts name it.', 'UNIMPLEMENTED'),

  // Models
  MODEL_UNKNOWN: refused('There is no model with this id or name.', 'Register the model, or list the models there are.', 'NOT_FOUND'),
  MODEL_UNPARSABLE: invalid('The file is not an ONNX model that can be read.', 'Check the file with the ONNX checker, and that it was not cut short.'),
  MODEL_TOO_LARGE: invalid('The model is larger than the limit.', 'Use a smaller model or a coordinator with a higher limit.', 'RESOURCE_EXHAUSTED'),
  MODEL_DIMS_UNBOUND: invalid('The model has dimensions without a fixed size.', 'Bind them: --dim name=size for each name in the facts.'),
  MODEL_OPERATOR_UNSUPPORTED: invalid('The model has an operator, or a form of one, outside the canonical set.', 'See the node and the reason in the facts, and docs/operators.md.'),
  MODEL_DTYPE_UNSUPPORTED: invalid('The model has a value of an element type outside the canonical set.', 'Export it with the element types of docs/operators.md.'),
  MODEL_GRAPH_INVALID: invalid('The model’s graph contradicts itself.', 'See the facts; export the model again.'),
  MODEL_NOT_CANONICAL: invalid('The file is not a canonical model.', 'Compile it: assay model compile.'),
  MODEL_ID_MISMATCH: refused('The model’s bytes do not have the id they came under.', 'Fetch the model again from another source.'),
  MODEL_NAME_TAKEN: refused('Another model has this name.', 'Choose another name.', 'ALREADY_EXISTS'),
  MODEL_QUARANTINED: refused('The model ended its process here too often and is not run any more.', 'Another executor may run it; the counting begins anew when this process restarts.', 'ABORTED'),
  PROFILE_UNKNOWN: refused('The numeric profile is not known here.', 'Use a profile named in the facts.'),
  UPLOAD_CORRUPT: invalid('The uploaded bytes do not have the length and SHA-256 that were announced.', 'Upload the file again from its start; what had arrived is dropped.'),
  UPLOAD_OFFSET_MISMATCH: refused('The upload does not go on where it broke off.', 'Ask for its status and go on from there.', 'ABORTED'),

  // Claims, receipts, batches
  CLAIM_INVALID: refused('An executor’s claim does not fit its job.', 'None for the submitter: the job goes to another executor.'),
  CLAIM_SIGNATURE_INVALID: refused('The claim’s signature is not by its executor.', 'Do not trust the receipt; ask the coordinator for another.'),
  RECEIPT_MALFORMED: invalid('The receipt does not have the form of receipt version 1.', 'Fetch the receipt again: assay receipt get.'),
  RECEIPT_MISMATCH: refused('The receipt’s parts contradict each other or the chain.', 'Do not trust the receipt; the facts name the part.'),
  RECEIPT_NOT_BATCHED: refused('The receipt has no batch yet.', 'Wait for the next batch and fetch the receipt again.'),
  REPLAY_MISMATCH: refused('Running the job again gave other bytes than the receipt claims.', 'Open a dispute: the executor’s stake pays for it.'),
  BATCH_UNKNOWN: refused('There is no batch with this id.', 'Check the id and the network.', 'NOT_FOUND'),
  DATA_UNAVAILABLE: unavailable('Data that the network should serve was not served.', 'Try again; if it lasts, contest the batch on chain.'),

  // Execution
  EXECUTION_FAILED: broken('The runtime could not run the model on these inputs.', 'See the cause; report it with the model id and the job id.'),
  SELF_TEST_FAILED: refused('This machine does not compute the profile’s bits.', 'Do not run jobs or disputes here; assay doctor says what differs.'),
  LEASE_LOST: refused('The lease on the job ran out.', 'None: the job belongs to another executor now.'),
  CAPACITY_EXHAUSTED: unavailable('The executor is at its capacity.', 'Try again later.', 'RESOURCE_EXHAUSTED'),

  // Disputes
  MOVE_REFUSED: refused('The rules of the dispute game do not allow this move now.', 'Read the game’s state again and answer that.'),
  GAME_UNKNOWN: refused('There is no dispute with this id.', 'Check the id and the network.', 'NOT_FOUND'),

  // The world
  CONFIG_INVALID: invalid('The configuration is wrong.', 'Set the variables named in the facts.', 'FAILED_PRECONDITION'),
  DEPLOYMENT_INVALID: invalid('The deployment file is missing, malformed or for another chain.', 'Deploy the contracts, or name the right file in ASSAY_DEPLOYMENT.', 'FAILED_PRECONDITION'),
  KEYSTORE_UNUSABLE: refused('The encrypted key file cannot be opened.', 'Check the file in ASSAY_KEYSTORE and its password in ASSAY_KEYSTORE_PASSWORD_FILE.'),
  PEER_INCOMPATIBLE: refused('The other process speaks another version of the protocol.', 'Bring both to versions that name the same protocol version.'),
  ADMIN_REFUSED: refused('The caller is not this process’s admin.', 'Send the token whose SHA-256 is in ASSAY_ADMIN_TOKEN_SHA256.', 'UNAUTHENTICATED'),
  ADMIN_MISSING: refused('The deployment names no admin but the key that deploys.', 'Name an admin, best a contract wallet of several keys: nobody but it will set the terms.'),
  PORT_BUSY: unavailable('The address to listen on is taken.', 'Stop the other process or choose another port.'),
  CHAIN_UNREACHABLE: unavailable('The chain’s RPC endpoint does not answer.', 'Start the node, or correct ASSAY_RPC_URL.'),
  ENDPOINT_FAILED: unavailable('The chain’s RPC endpoint answered with an error of its own.', 'It is asked again; if that lasts, see the message and name another endpoint in ASSAY_RPC_URL.'),
  CHAIN_MISMATCH: refused('The chain is not the one the deployment is on.', 'Correct ASSAY_RPC_URL or ASSAY_DEPLOYMENT.'),
  CHAIN_REVERTED: refused('The contract refused the transaction.', 'See the decoded error in the facts.'),
  TRANSACTION_FAILED: unavailable('A transaction could not be sent or was not mined in time.', 'It is tried again within bounds; check the node and the balance for gas.'),
  BROKER_UNREACHABLE: unavailable('The NATS server does not answer.', 'Start nats-server, or correct ASSAY_NATS_URL.'),
  BROKER_REFUSED: refused('The NATS server does not accept this credential.', 'Use the seed of a user that the server knows, with the right role.', 'PERMISSION_DENIED'),
  PEER_SILENT: unavailable('Nobody answered a message in time.', 'It is tried again within bounds; check that the other process runs.'),
  COORDINATOR_UNREACHABLE: unavailable('The coordinator does not answer.', 'Start it, or correct its address, or the certificates if it asks for them.'),
  DATABASE_UNREACHABLE: unavailable('The database does not answer.', 'Start PostgreSQL, or correct DATABASE_URL.'),
  DATABASE_LOCKED: unavailable('Another process has the embedded database open.', 'Stop the other process, or use another ASSAY_PGLITE_DIR.'),
  MIGRATION_FAILED: broken('The database could not be brought to this version’s schema.', 'See the cause; restore a backup before trying again.'),
  TOOL_MISSING: unavailable('A program that this needs is not installed.', 'Install it with the command in the facts.'),
  FILE_UNREADABLE: invalid('A file could not be read or written.', 'Check the path and the permissions.'),
  USAGE: invalid('The command line is wrong.', 'See --help.'),
  NETWORK_RUNNING: unavailable('A local network already runs in this folder.', 'Use that one, stop it (Ctrl-C where it runs), or give another folder: --dir.'),
  SHUTTING_DOWN: unavailable('The process is stopping.', 'Try again in a moment.'),

  // This program
  STATE_CONFLICT: refused('The state changed under the operation.', 'Read it again and repeat the operation if it still makes sense.', 'ABORTED'),
  INVARIANT_BROKEN: broken('Something that cannot be happened.', 'Report it with the facts; do not go on.'),
  INTERNAL: broken('An unexpected error.', 'Report it with the cause.'),
} as const satisfies Record<string, ErrorCodeEntry>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Values that name what an error is about. They must survive JSON; numbers beyond 2^53 go in as decimal text. */
export type Facts = Readonly<Record<string, unknown>>;

export interface AssayErrorOptions {
  readonly code: ErrorCode;
  /** What happened here, in one sentence; the code's summary if left out. */
  readonly message?: string;
  readonly facts?: Facts;
  /** What to do here; the code's remedy if left out. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

/** The only error class: a stable code, the facts, what to do, the cause, and the page that says more. */
export class AssayError extends Error {
  override readonly name = 'AssayError';
  readonly code: ErrorCode;
  readonly facts: Facts;
  readonly remedy: string;

  constructor(options: AssayErrorOptions) {
    const entry = ERROR_CODES[options.code];
    super(options.message ?? entry.summary, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.facts = options.facts ?? {};
    this.remedy = options.remedy ?? entry.remedy;
  }

  get kind(): ErrorKind {
    return ERROR_CODES[this.code].kind;
  }

  get page(): string {
    return `docs/errors.md#${this.code.toLowerCase()}`;
  }

  /** The form in which an error crosses a process: bigints as decimal text. */
  toJSON(): { code: ErrorCode; message: string; facts: Facts; remedy: string; page: string } {
    const { code, message, remedy, page } = this;
    return { code, message, facts: plain(this.facts) as Facts, remedy, page };
  }
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_CODES, value);
}

/** Any thrown value as an AssayError: itself, or `code` around it as the cause. */
export function asAssayError(thrown: unknown, code: ErrorCode = 'INTERNAL'): AssayError {
  if (thrown instanceof AssayError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new AssayError({ code, message, cause: thrown });
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? v.toString() : v)) ?? 'null');
}
