import { setMaxListeners } from 'node:events';
import { NestFactory } from '@nestjs/core';
import { grpcServer, requireFree, WebServer, type GrpcServer, type ServerTls } from '#io/rpc';
import { createMonitoring, NestLog, type Logger, type Shutdown } from '#platform';
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
  const world = await openWorld({ config, log, shutdown, stopping: stopping.signal, registry: monitoring.registry });

  const grpc = grpcServer(config.ASSAY_GRPC_LISTEN, tlsOf(config));
  const app = await NestFactory.createMicroservice(CoordinatorModule.with(world), { ...grpc.options, logger: new NestLog(log), abortOnError: false });
  const work = startWork(app, world);
  shutdown.onShutdown('work', () => work.stop());
  shutdown.onShutdown('grpc', () => app.close());
  shutdown.onShutdown('calls', () => stopping.abort());
  await app.listen();
  const web = await openWeb(config, grpc);
  shutdown.onShutdown('web', () => web?.close());
  grpc.setServing(true);
  shutdown.onShutdown('health', () => grpc.setServing(false));

  work.watch(monitoring);
  if (config.ASSAY_METRICS_LISTEN) await monitoring.listen(config.ASSAY_METRICS_LISTEN);
  shutdown.onShutdown('monitoring', () => monitoring.close());
  void world.messaging.closed().then((error) => error && shutdown.shutdown(1));
  log.info({ event: 'ready', ...config.ASSAY_GRPC_LISTEN, coordinator: world.chain.account }, 'coordinator is ready');
}

/** WHY no Admin: a page is no place for its token. */
const WEB_SERVICES = ['assay.v1.Jobs', 'assay.v1.Models', 'assay.v1.Network'];

async function openWeb(config: CoordinatorConfig, { open }: GrpcServer): Promise<WebServer | undefined> {
  if (!config.ASSAY_WEB_LISTEN) return undefined;
  const web = new WebServer({ listen: config.ASSAY_WEB_LISTEN, origins: config.ASSAY_WEB_ORIGINS, services: WEB_SERVICES, open, tls: tlsOf(config) });
  await web.listen();
  return web;
}

function tlsOf({ ASSAY_GRPC_TLS_CERT: cert, ASSAY_GRPC_TLS_KEY: key, ASSAY_GRPC_TLS_CLIENT_CA: clientCa }: CoordinatorConfig): ServerTls | undefined {
  return cert && key ? { cert, key, clientCa } : undefined;
}
