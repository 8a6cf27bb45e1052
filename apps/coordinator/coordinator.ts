import { setMaxListeners } from 'node:events';
import { NestFactory } from '@nestjs/core';
import { closing, grpcServer, requireFree, WebServer, type GrpcServer, type ServerTls } from '#io/rpc';
import { createMonitoring, GRACE_MS, NestLog, type Logger, type Shutdown } from '#platform';
import { CoordinatorModule } from './app.module.js';
import type { CoordinatorConfig } from './config.js';
import { startWork } from './work.js';
import { openWorld } from './world.js';

export interface CoordinatorOptions {
  readonly config: CoordinatorConfig;
  readonly log: Logger;
  /** Everything started here is stopped there, in reverse order. */
  readonly shutdown: Shutdown;
}

/** Starts a coordinator; resolves when it serves. @throws AssayError PORT_BUSY, or what openWorld throws */
export async function startCoordinator({ config, log, shutdown }: CoordinatorOptions): Promise<void> {
  const stopping = new AbortController();
  // WHY: every waiting call listens; they are bounded by the number of calls, not by a leak.
  setMaxListeners(0, stopping.signal);
  await requireFree(config.ASSAY_GRPC_LISTEN);
  const monitoring = createMonitoring('coordinator');
  shutdown.onShutdown('monitoring', () => monitoring.close());
  monitoring.check('process', () => (shutdown.isStopping ? 'it is stopping' : undefined));
  const world = await openWorld({ config, log, shutdown, stopping: stopping.signal, registry: monitoring.registry });

  const grpc = grpcServer(config.ASSAY_GRPC_LISTEN, tlsOf(config));
  const app = await NestFactory.createMicroservice(CoordinatorModule.with(world), { ...grpc.options, logger: new NestLog(log), abortOnError: false });
  const work = startWork(app, world);
  shutdown.onShutdown('work', () => work.stop());
  const web = openWeb(config, grpc);
  shutdown.onShutdown('web', () => web?.close());
  shutdown.onShutdown('grpc', () => closing(app, grpc));
  shutdown.onShutdown('calls', () => (web?.refuse(), stopping.abort()));
  shutdown.onShutdown('roles', () => work.leaveRoles(), GRACE_MS);
  await app.listen();
  await web?.listen();
  grpc.setServing(true);
  shutdown.onShutdown('health', () => {
    grpc.setServing(false);
    world.gate.draining = true;
  });

  work.watch(monitoring);
  if (config.ASSAY_METRICS_LISTEN) await monitoring.listen(config.ASSAY_METRICS_LISTEN);
  void world.messaging.closed().then((error) => error && shutdown.shutdown(1));
  log.info({ event: 'ready', ...config.ASSAY_GRPC_LISTEN, coordinator: world.chain.account }, 'coordinator is ready');
}

/** WHY no Admin: a page is no place for its token. */
const WEB_SERVICES = ['assay.v1.Jobs', 'assay.v1.Models', 'assay.v1.Network'];

function openWeb(config: CoordinatorConfig, { open }: GrpcServer): WebServer | undefined {
  if (!config.ASSAY_WEB_LISTEN) return undefined;
  return new WebServer({ listen: config.ASSAY_WEB_LISTEN, origins: config.ASSAY_WEB_ORIGINS, services: WEB_SERVICES, open, tls: tlsOf(config) });
}

function tlsOf({ ASSAY_GRPC_TLS_CERT: cert, ASSAY_GRPC_TLS_KEY: key, ASSAY_GRPC_TLS_CLIENT_CA: clientCa }: CoordinatorConfig): ServerTls | undefined {
  return cert && key ? { cert, key, clientCa } : undefined;
}
