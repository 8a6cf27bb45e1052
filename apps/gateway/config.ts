import { z } from 'zod';
import { commonVariables, hostPort, readConfig, variable, wholeNumber, type Environment } from '#platform';

const { ASSAY_DEPLOYMENT, ASSAY_PRIVATE_KEY, ASSAY_DATA_DIR, ASSAY_LOG_LEVEL, ASSAY_METRICS_LISTEN } = commonVariables;

export const gatewaySchema = z.object({
  ASSAY_DEPLOYMENT,
  /** Signs for callers with an API key; its deposit pays. */
  ASSAY_PRIVATE_KEY,
  /** API keys and what they spent. */
  ASSAY_DATA_DIR,
  ASSAY_LOG_LEVEL,
  ASSAY_METRICS_LISTEN,
  /** The coordinator's gRPC address. */
  ASSAY_GRPC_URL: variable(z.string().min(1), '127.0.0.1:50051'),
  ASSAY_INFERENCE_GRPC_LISTEN: variable(hostPort, '127.0.0.1:8001'),
  ASSAY_INFERENCE_HTTP_LISTEN: variable(hostPort, '127.0.0.1:8000'),
  /** How long a call may wait for its answer if it names no deadline of its own. */
  ASSAY_WAIT_MS: variable(wholeNumber(100, 600_000).default(60_000), '60000'),
});

export type GatewayConfig = z.infer<typeof gatewaySchema>;

export function gatewayConfig(env: Environment): GatewayConfig {
  return readConfig(gatewaySchema, env);
}
