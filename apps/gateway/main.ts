import 'reflect-metadata';
import { announceReady, createLogger, runProcess, Shutdown } from '#platform';
import { gatewayConfig } from './config.js';
import { startGateway } from './gateway.js';

await runProcess(async () => {
  const config = gatewayConfig(process.env);
  const log = createLogger({ name: 'gateway', level: config.ASSAY_LOG_LEVEL });
  const shutdown = new Shutdown(log);
  shutdown.listen();
  const { address } = await startGateway({ config, log, shutdown });
  announceReady({ role: 'gateway', address, grpc: config.ASSAY_INFERENCE_GRPC_LISTEN, http: config.ASSAY_INFERENCE_HTTP_LISTEN });
});
