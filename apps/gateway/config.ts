import { z } from 'zod';
import { commonVariables, hostPort, readConfig, switchOf, variable, wholeNumber, type Environment } from '#platform';

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
  /** PEM files, for a coordinator with TLS: who signed its certificate, and the gateway's own if it asks for one; or true for the system's authorities. */
  ASSAY_GRPC_TLS: variable(switchOf.default(false), 'true'),
  ASSAY_GRPC_TLS_CA: variable(z.string().min(1).optional(), './ca.pem'),
  ASSAY_GRPC_TLS_CLIENT_CERT: variable(z.string().min(1).optional(), './gateway.pem'),
  ASSAY_GRPC_TLS_CLIENT_KEY: variable(z.string().min(1).optional(), './gateway.key'),
  /** PEM files: TLS for both forms of the protocol; with a client CA, callers need a certificate signed by it. */
  ASSAY_INFERENCE_TLS_CERT: variable(z.string().min(1).optional(), './gateway.pem'),
  ASSAY_INFERENCE_TLS_KEY: variable(z.string().min(1).optional(), './gateway.key'),
  ASSAY_INFERENCE_TLS_CLIENT_CA: variable(z.string().min(1).optional(), './clients-ca.pem'),
  ASSAY_INFERENCE_GRPC_LISTEN: variable(hostPort, '127.0.0.1:8001'),
  ASSAY_INFERENCE_HTTP_LISTEN: variable(hostPort, '127.0.0.1:8000'),
  /** How long a call may wait for its answer if it names no deadline of its own. */
  ASSAY_WAIT_MS: variable(wholeNumber(100, 600_000).default(60_000), '60000'),
});

export type GatewayConfig = z.infer<typeof gatewaySchema>;

export function gatewayConfig(env: Environment): GatewayConfig {
  const wholeTls = gatewaySchema.refine((c) => (c.ASSAY_INFERENCE_TLS_CERT === undefined) === (c.ASSAY_INFERENCE_TLS_KEY === undefined) && (c.ASSAY_INFERENCE_TLS_CLIENT_CA === undefined || c.ASSAY_INFERENCE_TLS_CERT !== undefined), {
    path: ['ASSAY_INFERENCE_TLS_CERT'],
    message: 'set ASSAY_INFERENCE_TLS_CERT and ASSAY_INFERENCE_TLS_KEY together, and ASSAY_INFERENCE_TLS_CLIENT_CA only with them',
  });
  return readConfig(wholeTls, env);
}
