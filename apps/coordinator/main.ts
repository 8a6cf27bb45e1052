import 'reflect-metadata';
import { announceReady, createLogger, runProcess, Shutdown } from '#platform';
import { coordinatorConfig } from './config.js';
import { startCoordinator } from './coordinator.js';

const STOP_WITHIN_MS = 10_000;

await runProcess(async () => {
  const config = coordinatorConfig(process.env);
  const log = createLogger({ name: 'coordinator', level: config.ASSAY_LOG_LEVEL });
  const shutdown = new Shutdown(log, STOP_WITHIN_MS);
  shutdown.listen();
  await startCoordinator({ config, log, shutdown });
  announceReady({ grpc: config.ASSAY_GRPC_LISTEN });
});
