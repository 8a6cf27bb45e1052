import { credentials, type ChannelCredentials, loadPackageDefinition, type Client, type ClientReadableStream, type ClientWritableStream, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { Hex } from 'viem';
import type { z } from 'zod';
import { DTYPES, type Dtype, type Root, type Tensor } from '#core/hashing';
import { AssayError, parseReceipt, type Receipt, type Request } from '#core/protocol';
import { encodeModelReference, encodeRequest, encodeTensor, type ModelReference } from './encoding.js';
import { jobMessage, modelChunkMessage, modelListMessage, modelMessage, parseMessage, statusMessage, type JobView, type ModelView, type NetworkStatus } from './messages.js';
import { LOADER_OPTIONS, MAX_MESSAGE_BYTES, MODEL_CHUNK_BYTES, PROTO_FILES } from './protos.js';
import { pem } from './server.js';
import { fromStatus } from './status.js';

/** A job as the coordinator tells it; outputs and receipt are what it says, not yet verified. */
export interface RemoteJob extends Omit<JobView, 'outputs' | 'receipt' | 'failureCode' | 'failureMessage'> {
  readonly outputs: readonly Tensor[];
  readonly receipt: Receipt | undefined;
  readonly failure: { readonly code: string; readonly message: string } | undefined;
}

export interface Submission {
  readonly request: Request;
  readonly signature: Hex;
  readonly inputs: readonly Tensor[];
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
export const SUBMIT_WAIT_MS = 60_000;

type Unary = (message: unknown, options: { deadline: number }, done: (error: ServiceError | null, reply: unknown) => void) => { cancel(): void };
type Download = (message: unknown, options: { deadline?: number }) => ClientReadableStream<unknown>;
type Upload = (options: { deadline: number }, done: (error: ServiceError | null, reply: unknown) => void) => ClientWritableStream<unknown>;
type Service<M extends string, T> = Client & Record<M, T>;

interface Stubs {
  readonly Jobs: Service<'Submit' | 'Get', Unary> & Service<'Watch', Download>;
  readonly Models: Service<'Get' | 'List', Unary> & Service<'Register', Upload> & Service<'Download', Download>;
  readonly Network: Service<'Status', Unary> & Service<'Watch', Download>;
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

  async job(jobId: Root, options: CallOptions & { withOutputs?: boolean } = {}): Promise<RemoteJob> {
    const reply = await this.unary(this.stubs.Jobs, 'Get', { jobId, withOutputs: options.withOutputs ?? false }, options);
    return remoteJob(read(jobMessage, reply));
  }

  /** The job now and after every change, until no further change can come. */
  async *watchJob(jobId: Root, options: CallOptions = {}): AsyncGenerator<RemoteJob, void, void> {
    for await (const message of this.stream(this.stubs.Jobs, 'Watch', { jobId }, options)) yield remoteJob(read(jobMessage, message));
  }

  async registerModel(registration: Registration, options: CallOptions = {}): Promise<ModelView> {
    const reply = await new Promise<unknown>((resolve, reject) => {
      const done = (error: ServiceError | null, reply: unknown) => (error ? reject(fromStatus(error, this.target)) : resolve(reply));
      const call = (this.stubs.Models.Register as Upload).call(this.stubs.Models, { deadline: Date.now() + (options.timeoutMs ?? REGISTER_MS) }, done);
      cancelOn(options.signal, call);
      // WHY: the server may refuse before it has read everything; the callback reports that, not the broken stream.
      upload(call, registration).catch(() => call.cancel());
    });
    return read(modelMessage, reply);
  }

  async model(reference: ModelReference, options: CallOptions = {}): Promise<ModelView> {
    return read(modelMessage, await this.unary(this.stubs.Models, 'Get', encodeModelReference(reference), options));
  }

  async models(page: { limit?: number; after?: Root } = {}, options: CallOptions = {}): Promise<ModelView[]> {
    return read(modelListMessage, await this.unary(this.stubs.Models, 'List', { limit: page.limit ?? 0, after: page.after ?? '' }, options)).models;
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

function makeStubs(target: string, tls: ClientTls | undefined): Stubs {
  const { assay } = loadPackageDefinition(loadSync(PROTO_FILES, { ...LOADER_OPTIONS, includeDirs: [...LOADER_OPTIONS.includeDirs] })) as unknown as {
    assay: { v1: Record<keyof Stubs, new (target: string, credentials: unknown, options: object) => never> };
  };
  const options = { 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES, 'grpc.max_send_message_length': MAX_MESSAGE_BYTES };
  const make = (name: keyof Stubs) => new assay.v1[name](target, tls ? credentialsOf(tls) : credentials.createInsecure(), options);
  return { Jobs: make('Jobs'), Models: make('Models'), Network: make('Network') };
}

async function upload(call: ClientWritableStream<unknown>, { name, file, dims = {}, profile = '' as Root }: Registration): Promise<void> {
  call.write({ header: { name, dims, profile }, chunk: new Uint8Array() });
  for (let from = 0; from < file.length && call.writable; from += MODEL_CHUNK_BYTES) {
    if (!call.write({ header: null, chunk: file.subarray(from, from + MODEL_CHUNK_BYTES) })) await drained(call);
  }
  call.end();
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

function remoteJob({ outputs, receipt, failureCode, failureMessage, ...job }: JobView): RemoteJob {
  return {
    ...job,
    outputs: outputs.map(({ dtype, dims, data }) => ({ dtype: knownDtype(dtype), dims, data: new Uint8Array(data) })),
    receipt: receipt === undefined ? undefined : parseReceipt(receipt),
    failure: failureCode === '' ? undefined : { code: failureCode, message: failureMessage },
  };
}

function knownDtype(name: string): Dtype {
  if (Object.hasOwn(DTYPES, name)) return name as Dtype;
  throw new AssayError({ code: 'MESSAGE_MALFORMED', message: `the coordinator sent a tensor of unknown element type ${name}` });
}
