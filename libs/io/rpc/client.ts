import { createHash } from 'node:crypto';
import { credentials, type ChannelCredentials, loadPackageDefinition, type Client, type ClientDuplexStream, type ClientReadableStream, type ClientWritableStream, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { Hex } from 'viem';
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
import { LOADER_OPTIONS, MAX_MESSAGE_BYTES, MODEL_CHUNK_BYTES, PROTO_FILES } from './protos.js';
import type { AdminUnary } from './admin.js';
import { pem } from './pem.js';
import { fromStatus } from './status.js';

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

export interface CallOptions {
  /** Milliseconds until the call is given up. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Registration {
  readonly name: string;
  readonly file: Uint8Array;
  readonly dims?: Readonly<Record<string, number>>;
  readonly profile?: Root;
  /** Told how much of the file the coordinator was sent, in bytes. */
  readonly onProgress?: (sent: number, total: number) => void;
}

/** PEM files: who signed the coordinator's certificate (else the system's authorities), and our own certificate if it asks for one. */
export interface ClientTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

const CALL_MS = 30_000;
const REGISTER_MS = 300_000;
/** How much longer than the coordinator's own wait the call lasts, so that its answer and not our timer decides. */
const MARGIN_MS = 5_000;
/** An upload that breaks off is resumed so often. */
const UPLOAD_ATTEMPTS = 4;
const UPLOAD_PAUSE_MS = 500;
export const SUBMIT_WAIT_MS = 60_000;

type Unary = (message: unknown, options: { deadline: number }, done: (error: ServiceError | null, reply: unknown) => void) => { cancel(): void };
type Download = (message: unknown, options: { deadline?: number }) => ClientReadableStream<unknown>;
type Upload = (options: { deadline: number }, done: (error: ServiceError | null, reply: unknown) => void) => ClientWritableStream<unknown>;
type Duplex = (options: { deadline?: number }) => ClientDuplexStream<unknown, unknown>;
type Service<M extends string, T> = Client & Record<M, T>;

interface Stubs {
  readonly Admin: Service<'Status' | 'Drain' | 'Quarantine', AdminUnary>;
  readonly Jobs: Service<'Submit' | 'Get' | 'Cancel' | 'List', Unary> & Service<'Watch', Download> & Service<'SubmitStream', Duplex>;
  readonly Models: Service<'Get' | 'List' | 'Search' | 'Tag' | 'Versions' | 'UploadStatus', Unary> & Service<'Register', Upload> & Service<'Download', Download>;
  readonly Network: Service<'Status' | 'Executors' | 'Challengers' | 'Batches' | 'Disputes' | 'Parameters', Unary> & Service<'Watch', Download>;
}

/** Typed calls to a coordinator. Errors are the coordinator's own AssayErrors, or COORDINATOR_UNREACHABLE. */
export class CoordinatorClient {
  private readonly stubs: Stubs;

  /** @param target host:port. Connects with the first call. */
  constructor(
    readonly target: string,
    tls?: ClientTls,
  ) {
    this.stubs = makeStubs(target, tls);
  }

  /** Submits and waits up to `waitMs` for the answer. @throws AssayError JOB_PENDING if it takes longer: the job goes on */
  async submit({ request, signature, inputs }: Submission, waitMs = SUBMIT_WAIT_MS, signal?: AbortSignal): Promise<RemoteJob> {
    const message = { request: encodeRequest(request), signature, inputs: inputs.map(encodeTensor), waitMs };
    return this.unary(this.stubs.Jobs, 'Submit', message, { timeoutMs: waitMs + MARGIN_MS, ...(signal && { signal }) }).then((reply) => remoteJob(read(jobMessage, reply)));
  }

  /**
   * Submits whatever `submissions` gives, over one call; answers come in the order they are finished, errors as answers.
   * Ending the iteration early cancels what has no answer.
   */
  async *submitStream(submissions: AsyncIterable<StreamSubmission> | Iterable<StreamSubmission>, options: CallOptions = {}): AsyncGenerator<StreamAnswer, void, void> {
    const call = (this.stubs.Jobs.SubmitStream as Duplex).call(this.stubs.Jobs, options.timeoutMs ? { deadline: Date.now() + options.timeoutMs } : {});
    cancelOn(options.signal, call);
    const sent = send(call, submissions).catch((error: unknown) => {
      call.cancel();
      throw error;
    });
    sent.catch(() => {});
    try {
      for await (const message of call) yield streamAnswer(read(submitStreamResponse, message));
      await sent;
    } catch (error) {
      throw isServiceError(error) ? fromStatus(error, this.target) : error;
    } finally {
      call.cancel();
    }
  }

  /** With `inputs`, the input tensors too: for the submitter who signed it. */
  async job(jobId: Root, options: CallOptions & { withOutputs?: boolean; inputs?: SignedAccess } = {}): Promise<RemoteJob> {
    const { withOutputs = false, inputs } = options;
    const reply = await this.unary(this.stubs.Jobs, 'Get', { jobId, withOutputs, withInputs: inputs !== undefined, access: inputs ? encodeAccess(inputs) : null }, options);
    return remoteJob(read(jobMessage, reply));
  }

  /** Gives the job up. @throws AssayError ACCESS_DENIED, STATE_CONFLICT if it is answered already */
  async cancelJob(jobId: Root, access: SignedAccess, options: CallOptions = {}): Promise<RemoteJob> {
    return remoteJob(read(jobMessage, await this.unary(this.stubs.Jobs, 'Cancel', { jobId, access: encodeAccess(access) }, options)));
  }

  /** The jobs of the one who signed the access, newest first. */
  async jobs(access: SignedAccess, page: PageRequest & { states?: readonly JobState[]; modelId?: Root } = {}, options: CallOptions = {}): Promise<Page<RemoteJob>> {
    const message = { access: encodeAccess(access), ...pageMessage(page), states: page.states ?? [], modelId: page.modelId ?? '' };
    const { jobs, nextPageToken } = read(jobListMessage, await this.unary(this.stubs.Jobs, 'List', message, options));
    return { items: jobs.map(remoteJob), nextPageToken: nextPageToken || undefined };
  }

  /** The job now and after every change, until no further change can come. */
  async *watchJob(jobId: Root, options: CallOptions = {}): AsyncGenerator<RemoteJob, void, void> {
    for await (const message of this.stream(this.stubs.Jobs, 'Watch', { jobId }, options)) yield remoteJob(read(jobMessage, message));
  }

  /** Uploads the file; where the connection breaks, goes on from what has arrived. */
  async registerModel(registration: Registration, options: CallOptions = {}): Promise<ModelView> {
    const fileSha256 = `0x${createHash('sha256').update(registration.file).digest('hex')}`;
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
    return read(uploadStatusResponse, await this.unary(this.stubs.Models, 'UploadStatus', { fileSha256 }, signal ? { signal } : {})).receivedBytes;
  }

  private async upload(part: UploadPart, options: CallOptions): Promise<ModelView> {
    const reply = await new Promise<unknown>((resolve, reject) => {
      const done = (error: ServiceError | null, reply: unknown) => (error ? reject(fromStatus(error, this.target)) : resolve(reply));
      const call = (this.stubs.Models.Register as Upload).call(this.stubs.Models, { deadline: Date.now() + (options.timeoutMs ?? REGISTER_MS) }, done);
      cancelOn(options.signal, call);
      // WHY: the server may refuse before it has read everything; the callback reports that, not the broken stream.
      upload(call, part).catch(() => call.cancel());
    });
    return read(modelMessage, reply);
  }

  async model(reference: ModelReference, options: CallOptions = {}): Promise<ModelView> {
    return read(modelMessage, await this.unary(this.stubs.Models, 'Get', encodeModelReference(reference), options));
  }

  async models(page: PageRequest = {}, options: CallOptions = {}): Promise<Page<ModelView>> {
    return modelPage(await this.unary(this.stubs.Models, 'List', { limit: page.limit ?? 0, pageToken: page.pageToken ?? '' }, options));
  }

  /** Models with a label that contains the text. */
  async searchModels(text: string, page: PageRequest = {}, options: CallOptions = {}): Promise<Page<ModelView>> {
    return modelPage(await this.unary(this.stubs.Models, 'Search', { text, limit: page.limit ?? 0, pageToken: page.pageToken ?? '' }, options));
  }

  /** One more label for a model. @throws AssayError MODEL_NAME_TAKEN */
  async tagModel(reference: ModelReference, label: string, options: CallOptions = {}): Promise<ModelView> {
    return read(modelMessage, await this.unary(this.stubs.Models, 'Tag', { ...encodeModelReference(reference), label }, options));
  }

  /** The models labelled `name` or `name:tag`, in order of registration. */
  async modelVersions(name: string, options: CallOptions = {}): Promise<readonly ModelVersion[]> {
    return read(modelVersionsResponse, await this.unary(this.stubs.Models, 'Versions', { name }, options)).versions;
  }

  /** The canonical file; whether it has the id is for the caller to derive. */
  async downloadModel(modelId: Root, options: CallOptions & { maxBytes?: number } = {}): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const message of this.stream(this.stubs.Models, 'Download', encodeModelReference({ modelId }), options)) {
      const { chunk } = read(modelChunkMessage, message);
      bytes += chunk.length;
      if (bytes > (options.maxBytes ?? 2 ** 31)) throw new AssayError({ code: 'MODEL_TOO_LARGE', facts: { modelId, limit: options.maxBytes } });
      chunks.push(chunk);
    }
    return new Uint8Array(Buffer.concat(chunks, bytes));
  }

  async status(options: CallOptions = {}): Promise<NetworkStatus> {
    return read(statusMessage, await this.unary(this.stubs.Network, 'Status', {}, options));
  }

  async *watchStatus(options: CallOptions = {}): AsyncGenerator<NetworkStatus, void, void> {
    for await (const message of this.stream(this.stubs.Network, 'Watch', {}, options)) yield read(statusMessage, message);
  }

  async peers(role: 'executor' | 'challenger', page: PageRequest = {}, options: CallOptions = {}): Promise<Page<StakedPeer>> {
    const { peers, nextPageToken } = read(peerListMessage, await this.unary(this.stubs.Network, role === 'executor' ? 'Executors' : 'Challengers', pageMessage(page), options));
    return { items: peers, nextPageToken: nextPageToken || undefined };
  }

  async batches(page: PageRequest = {}, options: CallOptions = {}): Promise<Page<BatchSummary>> {
    const { batches, nextPageToken } = read(batchListMessage, await this.unary(this.stubs.Network, 'Batches', pageMessage(page), options));
    return { items: batches, nextPageToken: nextPageToken || undefined };
  }

  async disputes(page: PageRequest & { state?: DisputeSummary['state'] } = {}, options: CallOptions = {}): Promise<Page<DisputeSummary>> {
    const { disputes, nextPageToken } = read(disputeListMessage, await this.unary(this.stubs.Network, 'Disputes', { ...pageMessage(page), state: page.state ?? '' }, options));
    return { items: disputes, nextPageToken: nextPageToken || undefined };
  }

  async parameters(options: CallOptions = {}): Promise<NetworkParameters> {
    return read(parametersMessage, await this.unary(this.stubs.Network, 'Parameters', {}, options));
  }

  close(): void {
    for (const stub of Object.values(this.stubs)) stub.close();
  }

  private unary<M extends string>(service: Service<M, unknown>, method: M, message: unknown, options: CallOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + (options.timeoutMs ?? CALL_MS);
      const call = (service[method] as Unary).call(service, message, { deadline }, (error, reply) => (error ? reject(fromStatus(error, this.target)) : resolve(reply)));
      cancelOn(options.signal, call);
    });
  }

  private async *stream<M extends string>(service: Service<M, unknown>, method: M, message: unknown, options: CallOptions): AsyncGenerator<unknown, void, void> {
    const call = (service[method] as Download).call(service, message, options.timeoutMs ? { deadline: Date.now() + options.timeoutMs } : {});
    cancelOn(options.signal, call);
    try {
      for await (const item of call) yield item;
    } catch (error) {
      if (options.signal?.aborted) return;
      throw isServiceError(error) ? fromStatus(error, this.target) : error;
    } finally {
      call.cancel();
    }
  }
}

function credentialsOf({ ca, cert, key }: ClientTls): ChannelCredentials {
  return credentials.createSsl(ca ? pem(ca) : null, key ? pem(key) : null, cert ? pem(cert) : null);
}

export function makeStubs(target: string, tls: ClientTls | undefined): Stubs {
  const { assay } = loadPackageDefinition(loadSync(PROTO_FILES, { ...LOADER_OPTIONS, includeDirs: [...LOADER_OPTIONS.includeDirs] })) as unknown as {
    assay: { v1: Record<keyof Stubs, new (target: string, credentials: unknown, options: object) => never> };
  };
  const options = { 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES, 'grpc.max_send_message_length': MAX_MESSAGE_BYTES };
  const make = (name: keyof Stubs) => new assay.v1[name](target, tls ? credentialsOf(tls) : credentials.createInsecure(), options);
  return { Admin: make('Admin'), Jobs: make('Jobs'), Models: make('Models'), Network: make('Network') };
}

interface UploadPart extends Registration {
  readonly fileSha256: string;
  readonly offset: number;
}

/** After these an upload goes on where it broke off, or begins anew. */
const RESUMABLE: ReadonlySet<string> = new Set(['COORDINATOR_UNREACHABLE', 'SHUTTING_DOWN', 'UPLOAD_OFFSET_MISMATCH', 'UPLOAD_CORRUPT']);

async function upload(call: ClientWritableStream<unknown>, { name, file, dims = {}, profile = '' as Root, fileSha256, offset, onProgress }: UploadPart): Promise<void> {
  call.write({ header: { name, dims, profile, fileSha256, fileBytes: String(file.length), offset: String(offset) }, chunk: new Uint8Array() });
  for (let from = offset; from < file.length && call.writable; from += MODEL_CHUNK_BYTES) {
    if (!call.write({ header: null, chunk: file.subarray(from, from + MODEL_CHUNK_BYTES) })) await drained(call);
    onProgress?.(Math.min(from + MODEL_CHUNK_BYTES, file.length), file.length);
  }
  call.end();
}

async function send(call: ClientDuplexStream<unknown, unknown>, submissions: AsyncIterable<StreamSubmission> | Iterable<StreamSubmission>): Promise<void> {
  for await (const { tag, request, signature, inputs, waitMs = 0 } of submissions) {
    if (!call.writable) return;
    if (!call.write({ tag, submit: { request: encodeRequest(request), signature, inputs: inputs.map(encodeTensor), waitMs } })) await drained(call);
  }
  call.end();
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

function drained(call: ClientWritableStream<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ['drain', 'close', 'error', 'status']) call.off(event, done);
      resolve();
    };
    for (const event of ['drain', 'close', 'error', 'status']) call.once(event, done);
  });
}

function cancelOn(signal: AbortSignal | undefined, call: { cancel(): void }): void {
  if (signal?.aborted) call.cancel();
  signal?.addEventListener('abort', () => call.cancel(), { once: true });
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && typeof (error as ServiceError).code === 'number' && 'details' in error;
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
