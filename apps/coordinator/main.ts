import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { announceReady, createLogger, createMonitoring, NestLog, runProcess, Shutdown } from '#platform';
import { grpcServer, requireFree } from '#io/rpc';
import { CoordinatorModule } from './app.module.js';
import { coordinatorConfig } from './config.js';
import { startWork } from './work.js';
import { openWorld } from './world.js';

await runProcess(async () => {
  const config = coordinatorConfig(process.env);
  const log = createLogger({ name: 'coordinator', level: config.ASSAY_LOG_LEVEL });
  const shutdown = new Shutdown(log, 10_000);
  const stopping = new AbortController();
  await requireFree(config.ASSAY_GRPC_LISTEN);
  const world = await openWorld({ config, log, shutdown, stopping: stopping.signal });
  shutdown.listen();

  const grpc = grpcServer(config.ASSAY_GRPC_LISTEN);
  const app = await NestFactory.createMicroservice(CoordinatorModule.with(world), { ...grpc.options, logger: new NestLog(log), abortOnError: false });
  const work = startWork(app, world);
  shutdown.onShutdown('work', () => work.stop());
  shutdown.onShutdown('grpc', () => app.close());
  shutdown.onShutdown('calls', () => stopping.abort());
  await app.listen();
  grpc.setServing(true);
  shutdown.onShutdown('health', () => grpc.setServing(false));

  const monitoring = createMonitoring('coordinator');
  work.watch(monitoring);
  if (config.ASSAY_METRICS_LISTEN) await monitoring.listen(config.ASSAY_METRICS_LISTEN);
  shutdown.onShutdown('monitoring', () => monitoring.close());
  void world.messaging.closed().then((error) => error && shutdown.shutdown(1));
  log.info({ event: 'ready', ...config.ASSAY_GRPC_LISTEN, coordinator: world.chain.account }, 'coordinator is ready');
  announceReady({ grpc: config.ASSAY_GRPC_LISTEN });
});
