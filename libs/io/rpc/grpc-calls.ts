import { credentials, loadPackageDefinition, type ChannelCredentials, type Client, type ClientDuplexStream, type ClientReadableStream, type ClientWritableStream, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { AdminUnary } from './admin.js';
import { onAbort, type Calls, type Deadline, type Messages, type Method } from './calls.js';
import { Coordinator } from './client.js';
import { pem } from './pem.js';
import { LOADER_OPTIONS, PROTO_FILES } from './protos.js';
import { MAX_MESSAGE_BYTES } from './sizes.js';
import { fromStatus } from './status.js';

/** PEM files: who signed the coordinator's certificate (else the system's authorities), and our own certificate if it asks for one. */
export interface ClientTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

type Done = (error: ServiceError | null, reply: unknown) => void;
type Options = { deadline?: number };
type Ends = { cancel(): void; once(event: 'status', listener: () => void): unknown };
type Unary = (message: object, options: Options, done: Done) => Ends;
type Upload = (options: Options, done: Done) => ClientWritableStream<unknown>;
type Download = (message: object, options: Options) => ClientReadableStream<unknown>;
type Duplex = (options: Options) => ClientDuplexStream<unknown, unknown>;
type Service<T> = Client & Record<string, T>;

export interface Stubs {
  readonly Admin: Client & Record<'Status' | 'Drain' | 'Quarantine', AdminUnary>;
  readonly Jobs: Client;
  readonly Models: Client;
  readonly Network: Client;
}

/** A coordinator's gRPC port. */
export class CoordinatorClient extends Coordinator {
  /** @param target host:port. Connects with the first call. */
  constructor(target: string, tls?: ClientTls) {
    super(new GrpcCalls(target, tls));
  }
}

class GrpcCalls implements Calls {
  private readonly stubs: Stubs;

  constructor(
    readonly target: string,
    tls?: ClientTls,
  ) {
    this.stubs = makeStubs(target, tls);
  }

  single(method: Method, messages: Messages, options: Deadline): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const done: Done = (error, reply) => (error ? reject(fromStatus(error, this.target)) : resolve(reply));
      const { service, name, streams } = this.found<Unary & Upload>(method);
      if (!streams) return cancelOn(options.signal, service[name]!([...(messages as Iterable<object>)][0]!, deadlineOf(options), done));
      const call = (service[name] as Upload)(deadlineOf(options), done);
      cancelOn(options.signal, call);
      // WHY: the server may refuse before it has read everything; the callback reports that, not the broken stream.
      send(call, messages).catch(() => call.cancel());
    });
  }

  async *stream(method: Method, messages: Messages, options: Deadline): AsyncGenerator<unknown, void, void> {
    const { service, name, streams } = this.found<Download & Duplex>(method);
    const call = streams ? (service[name] as Duplex)(deadlineOf(options)) : (service[name] as Download)([...(messages as Iterable<object>)][0]!, deadlineOf(options));
    cancelOn(options.signal, call);
    const sent = streams ? send(call as ClientDuplexStream<unknown, unknown>, messages).catch((error: unknown) => (call.cancel(), Promise.reject(error))) : undefined;
    sent?.catch(() => {});
    try {
      for await (const item of call) yield item;
      await sent;
    } catch (error) {
      if (options.signal?.aborted && !streams) return;
      throw isServiceError(error) ? fromStatus(error, this.target) : error;
    } finally {
      call.cancel();
    }
  }

  close(): void {
    for (const stub of Object.values(this.stubs) as Client[]) stub.close();
  }

  private found<T>(method: Method): { service: Service<T>; name: string; streams: boolean } {
    const [at, name] = method.split('/') as [keyof Stubs, string];
    const service = this.stubs[at] as unknown as Service<T>;
    return { service, name, streams: (service[name] as { requestStream?: boolean }).requestStream === true };
  }
}

function deadlineOf({ timeoutMs }: Deadline): Options {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

function credentialsOf({ ca, cert, key }: ClientTls): ChannelCredentials {
  return credentials.createSsl(ca ? pem(ca) : null, key ? pem(key) : null, cert ? pem(cert) : null);
}

/** WHY: a link that is cut says nothing, and a call without a deadline (watching) would wait for ever. */
const KEEPALIVE = { 'grpc.keepalive_time_ms': 20_000, 'grpc.keepalive_timeout_ms': 10_000 };

export function makeStubs(target: string, tls: ClientTls | undefined): Stubs {
  const { assay } = loadPackageDefinition(loadSync(PROTO_FILES, { ...LOADER_OPTIONS, includeDirs: [...LOADER_OPTIONS.includeDirs] })) as unknown as {
    assay: { v1: Record<keyof Stubs, new (target: string, credentials: unknown, options: object) => never> };
  };
  const options = { 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES, 'grpc.max_send_message_length': MAX_MESSAGE_BYTES, ...KEEPALIVE };
  const make = (name: keyof Stubs) => new assay.v1[name](target, tls ? credentialsOf(tls) : credentials.createInsecure(), options);
  return { Admin: make('Admin'), Jobs: make('Jobs'), Models: make('Models'), Network: make('Network') };
}

async function send(call: ClientWritableStream<unknown>, messages: Messages): Promise<void> {
  for await (const message of messages) {
    if (!call.writable) return;
    if (!call.write(message)) await drained(call);
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

/** WHY until its end: a signal may be for any number of calls. */
function cancelOn(signal: AbortSignal | undefined, call: Ends): void {
  call.once('status', onAbort(signal, () => call.cancel()));
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && typeof (error as ServiceError).code === 'number' && 'details' in error;
}
