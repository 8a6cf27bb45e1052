import { bytesToHex, type Hex } from 'viem';
import type { z } from 'zod';
import { DTYPES, type Dtype, type Root, type Tensor } from '#core/hashing';
import { AssayError, isErrorCode, parseReceipt, type Access, type JobState, type Receipt, type Request } from '#core/protocol';
import { encodeModelReference, encodeRequest, encodeTensor, type ModelReference } from './encoding.js';
import {
  batchListMessage,
  disputeListMessage,
  jobListMessage,
  jobMessage,
  modelChunkMessage,
  modelListMessage,
  modelMessage,
  modelVersionsResponse,
  parametersMessage,
  parseMessage,
  peerListMessage,
  statusMessage,
  submitStreamResponse,
  uploadStatusResponse,
  type BatchSummary,
  type DisputeSummary,
  type FaultMessage,
  type JobView,
  type ModelVersion,
  type ModelView,
  type NetworkParameters,
  type NetworkStatus,
  type Page,
  type StakedPeer,
} from './messages.js';
import type { Calls, Deadline, Method } from './calls.js';
import { MODEL_CHUNK_BYTES } from './sizes.js';
import { joined } from './web-frames.js';

/** A job as the coordinator tells it; outputs and receipt are what it says, not yet verified. */
export interface RemoteJob extends Omit<JobView, 'outputs' | 'inputs' | 'receipt' | 'failureCode' | 'failureMessage'> {
  readonly outputs: readonly Tensor[];
  /** Only if they were asked for. */
  readonly inputs: readonly Tensor[];
  readonly receipt: Receipt | undefined;
  readonly failure: { readonly code: string; readonly message: string } | undefined;
}

export interface Submission {
  readonly request: Request;
  readonly signature: Hex;
  readonly inputs: readonly Tensor[];
}

/** One submission of a stream; the tag comes back with what became of it. */
export interface StreamSubmission extends Submission {
  readonly tag: string;
  readonly waitMs?: number;
}

export type StreamAnswer = { readonly tag: string } & ({ readonly job: RemoteJob } | { readonly error: AssayError });

/** Shows a coordinator that the submitter itself asks. */
export interface SignedAccess {
  readonly message: Access;
  readonly signature: Hex;
}

/** A page of a list: how many entries at most, and nextPageToken of the page before. */
export interface PageRequest {
  readonly limit?: number;
  readonly pageToken?: string | undefined;
}

export type CallOptions = Deadline;

export interface Registration {
  readonly name: string;
  readonly file: Uint8Array;
  readonly dims?: Readonly<Record<string, number>>;
  readonly profile?: Root;
  /** Told how much of the file the coordinator was sent, in bytes. */
  readonly onProgress?: (sent: number, total: number) => void;
}

const CALL_MS = 30_000;
const REGISTER_MS = 300_000;
/** How much longer than the coordinator's own wait the call lasts, so that its answer and not our timer decides. */
const MARGIN_MS = 5_000;
/** An upload that breaks off is resumed so often. */
const UPLOAD_ATTEMPTS = 4;
const UPLOAD_PAUSE_MS = 500;
export const SUBMIT_WAIT_MS = 60_000;

/** Typed calls to a coordinator. Errors are the coordinator's own AssayErrors, or COORDINATOR_UNREACHABLE. */
export class Coordinator {
  constructor(private readonly calls: Calls) {}

  /** Where it is called. */
  get target(): string {
    return this.calls.target;
  }

  /** Submits and waits up to `waitMs` for the answer. @throws AssayError JOB_PENDING if it takes longer: the job goes on */
  async submit({ request, signature, inputs }: Submission, waitMs = SUBMIT_WAIT_MS, signal?: AbortSignal): Promise<RemoteJob> {
    const message = { request: encodeRequest(request), signature, inputs: inputs.map(encodeTensor), waitMs };
    return remoteJob(read(jobMessage, await this.unary('Jobs/Submit', message, { timeoutMs: waitMs + MARGIN_MS, ...(signal && { signal }) })));
  }

  /**
   * Submits whatever `submissions` gives, over one call; answers come in the order they are finished, errors as answers.
   * Ending the iteration early cancels what has no answer.
   */
  async *submitStream(submissions: AsyncIterable<StreamSubmission> | Iterable<StreamSubmission>, options: CallOptions = {}): AsyncGenerator<StreamAnswer, void, void> {
    for await (const message of this.calls.stream('Jobs/SubmitStream', encoded(submissions), options)) yield streamAnswer(read(submitStreamResponse, message));
  }

  /** With `inputs`, the input tensors too: for the submitter who signed it. */
  async job(jobId: Root, options: CallOptions & { withOutputs?: boolean; inputs?: SignedAccess } = {}): Promise<RemoteJob> {
    const { withOutputs = false, inputs } = options;
    const reply = await this.unary('Jobs/Get', { jobId, withOutputs, withInputs: inputs !== undefined, access: inputs ? encodeAccess(inputs) : null }, options);
    return remoteJob(read(jobMessage, reply));
  }

  /** Gives the job up. @throws AssayError ACCESS_DENIED, STATE_CONFLICT if it is answered already */
  async cancelJob(jobId: Root, access: SignedAccess, options: CallOptions = {}): Promise<RemoteJob> {
    return remoteJob(read(jobMessage, await this.unary('Jobs/Cancel', { jobId, access: encodeAccess(access) }, options)));
  }

  /** The jobs of the one who signed the access, newest first. */
  async jobs(access: SignedAccess, page: PageRequest & { states?: readonly JobState[]; modelId?: Root } = {}, options: CallOptions = {}): Promise<Page<RemoteJob>> {
    const message = { access: encodeAccess(access), ...pageMessage(page), states: page.states ?? [], modelId: page.modelId ?? '' };
    const { jobs, nextPageToken } = read(jobListMessage, await this.unary('Jobs/List', message, options));
    return { items: jobs.map(remoteJob), nextPageToken: nextPageToken || undefined };
  }

  /** The job now and after every change, until no further change can come. */
  async *watchJob(jobId: Root, options: CallOptions = {}): AsyncGenerator<RemoteJob, void, void> {
    for await (const message of this.stream('Jobs/Watch', { jobId }, options)) yield remoteJob(read(jobMessage, message));
  }

  /** Uploads the file; where the connection breaks, goes on from what has arrived. */
  async registerModel(registration: Registration, options: CallOptions = {}): Promise<ModelView> {
    const fileSha256 = bytesToHex(new Uint8Array(await crypto.subtle.digest('SHA-256', registration.file as Uint8Array<ArrayBuffer>)));
    for (let attempt = 1; ; attempt++) {
      const offset = Math.min(await this.uploaded(fileSha256, options), registration.file.length);
      try {
        return await this.upload({ ...registration, fileSha256, offset }, options);
      } catch (error) {
        if (attempt === UPLOAD_ATTEMPTS || options.signal?.aborted || !(error instanceof AssayError) || !RESUMABLE.has(error.code)) throw error;
        await new Promise((resolve) => setTimeout(resolve, UPLOAD_PAUSE_MS * attempt));
      }
    }
  }

  private async uploaded(fileSha256: string, { signal }: CallOptions): Promise<number> {
    return read(uploadStatusResponse, await this.unary('Models/UploadStatus', { fileSha256 }, signal ? { signal } : {})).receivedBytes;
  }

  private async upload(part: UploadPart, options: CallOptions): Promise<ModelView> {
    const reply = await this.calls.single('Models/Register', parts(part), { timeoutMs: REGISTER_MS, ...options });
    return read(modelMessage, reply);
  }

  async model(reference: ModelReference, options: CallOptions = {}): Promise<ModelView> {
    return read(modelMessage, await this.unary('Models/Get', encodeModelReference(reference), options));
  }

  async models(page: PageRequest = {}, options: CallOptions = {}): Promise<Page<ModelView>> {
    return modelPage(await this.unary('Models/List', { limit: page.limit ?? 0, pageToken: page.pageToken ?? '' }, options));
  }

  /** Models with a label that contains the text. */
  async searchModels(text: string, page: PageRequest = {}, options: CallOptions = {}): Promise<Page<ModelView>> {
    return modelPage(await this.unary('Models/Search', { text, limit: page.limit ?? 0, pageToken: page.pageToken ?? '' }, options));
  }

  /** One more label for a model. @throws AssayError MODEL_NAME_TAKEN */
  async tagModel(reference: ModelReference, label: string, options: CallOptions = {}): Promise<ModelView> {
    return read(modelMessage, await this.unary('Models/Tag', { ...encodeModelReference(reference), label }, options));
  }

  /** The models labelled `name` or `name:tag`, in order of registration. */
  async modelVersions(name: string, options: CallOptions = {}): Promise<readonly ModelVersion[]> {
    return read(modelVersionsResponse, await this.unary('Models/Versions', { name }, options)).versions;
  }

  /** The canonical file; whether it has the id is for the caller to derive. */
  async downloadModel(modelId: Root, options: CallOptions & { maxBytes?: number; onProgress?: (bytes: number) => void } = {}): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const message of this.stream('Models/Download', encodeModelReference({ modelId }), options)) {
      const { chunk } = read(modelChunkMessage, message);
      bytes += chunk.length;
      if (bytes > (options.maxBytes ?? 2 ** 31)) throw new AssayError({ code: 'MODEL_TOO_LARGE', facts: { modelId, limit: options.maxBytes } });
      chunks.push(chunk);
      options.onProgress?.(bytes);
    }
    return joined(chunks, bytes);
  }

  async status(options: CallOptions = {}): Promise<NetworkStatus> {
    return read(statusMessage, await this.unary('Network/Status', {}, options));
  }

  async *watchStatus(options: CallOptions = {}): AsyncGenerator<NetworkStatus, void, void> {
    for await (const message of this.stream('Network/Watch', {}, options)) yield read(statusMessage, message);
  }

  async peers(role: 'executor' | 'challenger', page: PageRequest = {}, options: CallOptions = {}): Promise<Page<StakedPeer>> {
    const { peers, nextPageToken } = read(peerListMessage, await this.unary(role === 'executor' ? 'Network/Executors' : 'Network/Challengers', pageMessage(page), options));
    return { items: peers, nextPageToken: nextPageToken || undefined };
  }

  async batches(page: PageRequest = {}, options: CallOptions = {}): Promise<Page<BatchSummary>> {
    const { batches, nextPageToken } = read(batchListMessage, await this.unary('Network/Batches', pageMessage(page), options));
    return { items: batches, nextPageToken: nextPageToken || undefined };
  }

  async disputes(page: PageRequest & { state?: DisputeSummary['state'] } = {}, options: CallOptions = {}): Promise<Page<DisputeSummary>> {
    const { disputes, nextPageToken } = read(disputeListMessage, await this.unary('Network/Disputes', { ...pageMessage(page), state: page.state ?? '' }, options));
    return { items: disputes, nextPageToken: nextPageToken || undefined };
  }

  async parameters(options: CallOptions = {}): Promise<NetworkParameters> {
    return read(parametersMessage, await this.unary('Network/Parameters', {}, options));
  }

  close(): void {
    this.calls.close();
  }

  private unary(method: Method, message: object, options: Deadline): Promise<unknown> {
    return this.calls.single(method, [message], { timeoutMs: CALL_MS, ...options });
  }

  private stream(method: Method, message: object, options: Deadline): AsyncGenerator<unknown, void, void> {
    return this.calls.stream(method, [message], options);
  }
}

interface UploadPart extends Registration {
  readonly fileSha256: string;
  readonly offset: number;
}

/** After these an upload goes on where it broke off, or begins anew. */
const RESUMABLE: ReadonlySet<string> = new Set(['COORDINATOR_UNREACHABLE', 'SHUTTING_DOWN', 'UPLOAD_OFFSET_MISMATCH', 'UPLOAD_CORRUPT']);

function* parts({ name, file, dims = {}, profile = '' as Root, fileSha256, offset, onProgress }: UploadPart): Generator<object, void, void> {
  yield { header: { name, dims, profile, fileSha256, fileBytes: String(file.length), offset: String(offset) }, chunk: new Uint8Array() };
  for (let from = offset; from < file.length; from += MODEL_CHUNK_BYTES) {
    yield { header: null, chunk: file.subarray(from, from + MODEL_CHUNK_BYTES) };
    onProgress?.(Math.min(from + MODEL_CHUNK_BYTES, file.length), file.length);
  }
}

async function* encoded(submissions: AsyncIterable<StreamSubmission> | Iterable<StreamSubmission>): AsyncGenerator<object, void, void> {
  for await (const { tag, request, signature, inputs, waitMs = 0 } of submissions) yield { tag, submit: { request: encodeRequest(request), signature, inputs: inputs.map(encodeTensor), waitMs } };
}

function streamAnswer({ tag, job, fault }: z.output<typeof submitStreamResponse>): StreamAnswer {
  if (job) return { tag, job: remoteJob(job) };
  return { tag, error: faultError(fault) };
}

function faultError(fault: FaultMessage | null): AssayError {
  if (!fault || !isErrorCode(fault.code)) return new AssayError({ code: 'MESSAGE_MALFORMED', message: 'the coordinator answered with neither a job nor a known error', facts: { fault } });
  return new AssayError({ code: fault.code, message: fault.message, facts: { ...(JSON.parse(fault.facts || '{}') as object) }, remedy: fault.remedy });
}

function encodeAccess({ message: { submitter, until }, signature }: SignedAccess) {
  return { submitter, until: String(until), signature };
}

function pageMessage({ limit, pageToken }: PageRequest) {
  return { pageSize: limit ?? 0, pageToken: pageToken ?? '' };
}

function modelPage(reply: unknown): Page<ModelView> {
  const { models, nextPageToken } = read(modelListMessage, reply);
  return { items: models, nextPageToken: nextPageToken || undefined };
}

function read<S extends z.ZodType>(schema: S, reply: unknown): z.output<S> {
  return parseMessage(schema, reply, 'reply');
}

function remoteJob({ outputs, inputs, receipt, failureCode, failureMessage, ...job }: JobView): RemoteJob {
  return {
    ...job,
    outputs: outputs.map(remoteTensor),
    inputs: inputs.map(remoteTensor),
    receipt: receipt === undefined ? undefined : parseReceipt(receipt),
    failure: failureCode === '' ? undefined : { code: failureCode, message: failureMessage },
  };
}

function remoteTensor({ dtype, dims, data }: JobView['outputs'][number]): Tensor {
  return { dtype: knownDtype(dtype), dims, data: new Uint8Array(data) };
}

function knownDtype(name: string): Dtype {
  if (Object.hasOwn(DTYPES, name)) return name as Dtype;
  throw new AssayError({ code: 'MESSAGE_MALFORMED', message: `the coordinator sent a tensor of unknown element type ${name}` });
}
