import 'reflect-metadata';
import { announceReady, createLogger, runProcess, Shutdown } from '#platform';
import { coordinatorConfig } from './config.js';
import { startCoordinator } from './coordinator.js';

await runProcess(async () => {
  const config = coordinatorConfig(process.env);
  const log = createLogger({ name: 'coordinator', level: config.ASSAY_LOG_LEVEL });
  const shutdown = new Shutdown(log);
  shutdown.listen();
  await startCoordinator({ config, log, shutdown });
  announceReady({ grpc: config.ASSAY_GRPC_LISTEN });
});
