import { subscribe } from 'node:diagnostics_channel';
import { createRequire } from 'node:module';
import { connect, type ClientHttp2Session } from 'node:http2';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { duplexPair } from 'node:stream';
import { ServerCredentials, type Server } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { Transport, type GrpcOptions } from '@nestjs/microservices';
import { HealthImplementation } from 'grpc-health-check';
import { AssayError } from '#core/protocol';
import { pem, type ServerTls } from './pem.js';
import { INFERENCE_FILES, INFERENCE_PACKAGE, LOADER_OPTIONS, PACKAGE, PROTO_FILES } from './protos.js';
import { MAX_CONNECTIONS, MAX_MESSAGE_BYTES } from './sizes.js';
import { transportRefusals } from './status.js';

export interface GrpcServer {
  readonly options: GrpcOptions;
  /** What grpc.health.v1 says from now on. */
  setServing(serving: boolean): void;
  /** A connection from within this process, once the server listens. Its peer has no address: callerOf. */
  open(): ClientHttp2Session;
  /** Ends every connection, whatever is under way on it. */
  end(): void;
}

const MAX_CALLS_PER_CONNECTION = 1_024;
/** A peer that is gone without a word would keep its connection, and its streams, for as long as TCP waits. */
const KEEPALIVE = { 'grpc.keepalive_time_ms': 60_000, 'grpc.keepalive_timeout_ms': 60_000 };

/** What a server offers: a package, its files, the full names of its services. */
export interface Api {
  readonly package: string;
  readonly files: readonly string[];
  readonly services: readonly string[];
}

export const NATIVE_API: Api = { package: PACKAGE, files: PROTO_FILES, services: ['Admin', 'Jobs', 'Models', 'Network'].map((name) => `${PACKAGE}.${name}`) };
export const INFERENCE_API: Api = { package: INFERENCE_PACKAGE, files: INFERENCE_FILES, services: [`${INFERENCE_PACKAGE}.GRPCInferenceService`] };
const MAX_METADATA_BYTES = 16 * 1024;

/** Between the last answer and the end of connections on which somebody still has a call open, such as a watcher of health. */
const LAST_CALLS_MS = 1_000;

/** Closes the application of a gRPC server: what is under way is answered, within a moment. */
export async function closing(app: { close(): Promise<unknown> }, server: Pick<GrpcServer, 'end'>): Promise<void> {
  const timer = setTimeout(() => server.end(), LAST_CALLS_MS);
  await app.close();
  clearTimeout(timer);
}

/** Options for Nest's gRPC transport: an API's services, reflection and health. */
export function grpcServer(listen: { host: string; port: number }, tls?: ServerTls, api: Api = NATIVE_API): GrpcServer {
  boundConnections(listen.port, MAX_CONNECTIONS);
  const health = new HealthImplementation(statusMap(api, false));
  let injector: ReturnType<Server['createConnectionInjector']> | undefined;
  let served: Server | undefined;
  const options: GrpcOptions = {
    transport: Transport.GRPC,
    options: {
      url: `${listen.host}:${listen.port}`,
      package: api.package,
      protoPath: [...api.files],
      loader: { ...LOADER_OPTIONS, includeDirs: [...LOADER_OPTIONS.includeDirs] } as NonNullable<GrpcOptions['options']['loader']>,
      gracefulShutdown: true,
      ...(tls ? { credentials: credentialsOf(tls) } : {}),
      channelOptions: { ...KEEPALIVE, interceptors: [transportRefusals], 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES, 'grpc.max_send_message_length': MAX_MESSAGE_BYTES, 'grpc.max_metadata_size': MAX_METADATA_BYTES, 'grpc.max_concurrent_streams': MAX_CALLS_PER_CONNECTION } as never,
      onLoadPackageDefinition: (definition: PackageDefinition, server: Pick<Server, 'addService'>) => {
        served = server as Server;
        health.addToServer(served);
        new ReflectionService({ ...definition, ...healthDefinition() }).addToServer(server);
        injector = served.createConnectionInjector(ServerCredentials.createInsecure());
      },
    },
  };
  return {
    options,
    setServing: (serving) => {
      for (const [service, status] of Object.entries(statusMap(api, serving))) health.setStatus(service, status);
    },
    open: () => {
      const [ours, theirs] = duplexPair();
      injector!.injectConnection(theirs);
      return connect('http://in-process', { createConnection: () => ours });
    },
    end: () => served?.forceShutdown(),
  };
}

/**
 * Closes every connection to a port of this process beyond so many at once.
 * WHY not at the listener: grpc-js makes its own and bounds nothing, but Node publishes every socket that a listener of the process takes.
 */
export function boundConnections(port: number, most: number): void {
  let open = 0;
  subscribe('net.server.socket', (message) => {
    const { socket } = message as { socket: Socket };
    if (socket.localPort !== port) return;
    if (open >= most) return void socket.destroy();
    open++;
    socket.once('close', () => open--);
  });
}

/** @throws AssayError FILE_UNREADABLE */
function credentialsOf({ cert, key, clientCa }: ServerTls): ServerCredentials {
  return ServerCredentials.createSsl(clientCa ? pem(clientCa) : null, [{ cert_chain: pem(cert), private_key: pem(key) }], clientCa !== undefined);
}

/** The empty name stands for the server as a whole. */
function statusMap({ services }: Api, serving: boolean): Record<string, 'SERVING' | 'NOT_SERVING'> {
  return Object.fromEntries(['', ...services].map((service) => [service, serving ? 'SERVING' : 'NOT_SERVING']));
}

function healthDefinition(): PackageDefinition {
  const folder = join(createRequire(import.meta.url).resolve('grpc-health-check/package.json'), '../proto');
  return loadSync('health/v1/health.proto', { includeDirs: [folder] });
}

/**
 * WHY before the server binds: its own listener shares a port with another process on some systems and says so on none.
 * @throws AssayError PORT_BUSY
 */
export function requireFree({ host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (cause) => reject(new AssayError({ code: 'PORT_BUSY', message: `cannot listen on ${host}:${port}`, facts: { host, port, reason: cause.message }, cause })));
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve()));
  });
}
