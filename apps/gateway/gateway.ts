import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { privateKeyToAccount } from 'viem/accounts';
import { readDeployment } from '#io/chain';
import { claimFolder, KeyBook, SpendingBook } from '#io/keys';
import { closing, grpcServer, INFERENCE_API, MAX_CONNECTIONS, requireFree, tlsFiles, type ClientTls, type ServerTls } from '#io/rpc';
import { callMetrics, connectWithRetry, createMonitoring, Drain, GRACE_MS, NestLog, PATIENCE_MS, systemClock, type CallMetrics, type Logger, type Monitoring, type Shutdown } from '#platform';
import { connect, type Assay } from '#sdk';
import { GatewayModule } from './app.module.js';
import type { GatewayConfig } from './config.js';
import type { InferenceParts } from './inference/inference.service.js';
import { settleNowAndThen } from './inference/payment.js';
import { Statistics } from './inference/statistics.js';
import { ModelDirectory } from './models/directory.js';

export interface GatewayOptions {
  readonly config: GatewayConfig;
  readonly log: Logger;
  /** Everything started here is stopped there, in reverse order. */
  readonly shutdown: Shutdown;
}

const RETRY = { what: 'coordinator', code: 'COORDINATOR_UNREACHABLE', attempts: 8, firstDelayMs: 250, maxDelayMs: 4_000, clock: systemClock } as const;
const SETTLE_EVERY_MS = 5_000;
/** Names and words of callMetrics for what a gateway is asked. */
export const INFERENCES = { name: 'assay_inference', what: 'Inferences asked for here' } as const;

/** Starts a gateway; resolves with the address that signs once it serves. @throws AssayError PORT_BUSY, COORDINATOR_UNREACHABLE, CHAIN_MISMATCH */
export async function startGateway({ config, log, shutdown }: GatewayOptions): Promise<{ readonly address: string }> {
  await Promise.all([requireFree(config.ASSAY_INFERENCE_GRPC_LISTEN), requireFree(config.ASSAY_INFERENCE_HTTP_LISTEN)]);
  await mkdir(config.ASSAY_DATA_DIR, { recursive: true });
  shutdown.onShutdown('data folder', await claimFolder(config.ASSAY_DATA_DIR));
  const account = privateKeyToAccount(config.ASSAY_PRIVATE_KEY);
  const deployment = await readDeployment(config.ASSAY_DEPLOYMENT);
  const assay = await connectWithRetry(() => connect({ url: config.ASSAY_GRPC_URL, account, deployment, ...coordinatorTls(config) }), { ...RETRY, log });
  shutdown.onShutdown('coordinator', () => assay.close());
  const monitoring = createMonitoring('gateway');
  shutdown.onShutdown('monitoring', () => monitoring.close());
  monitoring.check('process', () => (shutdown.isStopping ? 'it is stopping' : undefined));
  const parts = partsOf(config, assay, callMetrics(monitoring.registry, INFERENCES));
  shutdown.onShutdown('spending', () => parts.spending.close());
  keepSettling(parts, { assay, log, shutdown });
  await serve(parts, { config, log, shutdown, monitoring });
  log.info({ event: 'ready', address: account.address, grpc: config.ASSAY_INFERENCE_GRPC_LISTEN, http: config.ASSAY_INFERENCE_HTTP_LISTEN }, 'gateway is ready');
  return { address: account.address };
}

function partsOf(config: GatewayConfig, assay: Assay, metrics: CallMetrics): InferenceParts {
  const keys = join(config.ASSAY_DATA_DIR, 'keys');
  return {
    assay,
    directory: new ModelDirectory(assay.client, systemClock.now),
    keys: new KeyBook(keys),
    spending: new SpendingBook(keys),
    statistics: new Statistics(),
    metrics,
    drain: new Drain(),
    waitMs: config.ASSAY_WAIT_MS,
    now: systemClock.now,
  };
}

function keepSettling({ keys, spending, now }: InferenceParts, { assay, log, shutdown }: { assay: Assay } & Pick<GatewayOptions, 'log' | 'shutdown'>): void {
  const stop = new AbortController();
  const keyIds = async () => (await keys.list()).map((key) => key.id);
  const warn = (err: unknown) => log.warn({ event: 'settling.failed', err }, 'jobs with an unknown fee could not be settled; later again');
  const settling = settleNowAndThen({ spending, keyIds, source: assay.client, now, everyMs: SETTLE_EVERY_MS, warn }, stop.signal);
  shutdown.onShutdown('settling', () => (stop.abort(), settling));
}

async function serve(parts: InferenceParts, { config, log, shutdown, monitoring }: GatewayOptions & { monitoring: Monitoring }): Promise<void> {
  const tls = tlsOf(config);
  const grpc = grpcServer(config.ASSAY_INFERENCE_GRPC_LISTEN, tls, INFERENCE_API);
  const app = await NestFactory.create<NestExpressApplication>(GatewayModule.with({ ...parts, log }), { logger: new NestLog(log), abortOnError: false, bodyParser: false, ...(tls ? { httpsOptions: tlsFiles(tls) } : {}) });
  app.disable('x-powered-by');
  app.getHttpServer().maxConnections = MAX_CONNECTIONS;
  app.connectMicroservice(grpc.options, { inheritAppConfig: true });
  shutdown.onShutdown('connections', () => closing(app, grpc), PATIENCE_MS);
  shutdown.onShutdown('calls', () => parts.drain.close(GRACE_MS));
  await app.startAllMicroservices();
  const { host, port } = config.ASSAY_INFERENCE_HTTP_LISTEN;
  await app.listen(port, host);
  grpc.setServing(true);
  shutdown.onShutdown('health', () => grpc.setServing(false));
  if (config.ASSAY_METRICS_LISTEN) await monitoring.listen(config.ASSAY_METRICS_LISTEN);
}

function coordinatorTls({ ASSAY_GRPC_TLS: on, ASSAY_GRPC_TLS_CA: ca, ASSAY_GRPC_TLS_CLIENT_CERT: cert, ASSAY_GRPC_TLS_CLIENT_KEY: key }: GatewayConfig): { tls?: ClientTls } {
  return on || ca || cert ? { tls: { ca, cert, key } } : {};
}

function tlsOf({ ASSAY_INFERENCE_TLS_CERT: cert, ASSAY_INFERENCE_TLS_KEY: key, ASSAY_INFERENCE_TLS_CLIENT_CA: clientCa }: GatewayConfig): ServerTls | undefined {
  return cert && key ? { cert, key, clientCa } : undefined;
}
