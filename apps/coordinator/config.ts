import { z } from 'zod';
import { commonVariables, hostPort, modelVariables, readConfig, secret, variable, wholeNumber, type Environment } from '#platform';

/** WHY not zero: a fee of nothing marks a job that is run again because its answer was overturned. */
const price = z.string().regex(/^[1-9]\d{0,37}$/, 'is not a positive whole number of the token’s smallest unit').transform(BigInt);

/**
 * Tests and demonstrations: serves no claims and answers no request for them; the same with inputs; serves inputs on demand on chain only;
 * charges submitters twice; posts half of the fees and insures nothing.
 */
export const COORDINATOR_FAULTS = ['none', 'withhold', 'withhold-inputs', 'late-inputs', 'overcharge', 'understate'] as const;
export type CoordinatorFault = (typeof COORDINATOR_FAULTS)[number];

const webOrigins = z
  .string()
  .transform((text) => text.split(',').map((origin) => origin.trim()))
  .pipe(z.array(z.string().refine((origin) => origin === '*' || origin === 'null' || (URL.canParse(origin) && new URL(origin).origin === origin), 'is not an origin as browsers name it: scheme://host[:port] and nothing after it')));

export const coordinatorSchema = z.object({
  ...commonVariables,
  ...modelVariables,
  ASSAY_GRPC_LISTEN: variable(hostPort, '127.0.0.1:50051'),
  /** PEM files: TLS for gRPC; with a client CA, callers need a certificate signed by it. */
  ASSAY_GRPC_TLS_CERT: variable(z.string().min(1).optional(), './coordinator.pem'),
  ASSAY_GRPC_TLS_KEY: variable(z.string().min(1).optional(), './coordinator.key'),
  ASSAY_GRPC_TLS_CLIENT_CA: variable(z.string().min(1).optional(), './clients-ca.pem'),
  /** Where pages call, by gRPC-Web, with the same TLS; and the origins of pages that may: browsers obey this. */
  ASSAY_WEB_LISTEN: variable(hostPort.optional(), '127.0.0.1:50052'),
  ASSAY_WEB_ORIGINS: variable(webOrigins.default([]), 'https://app.example,http://localhost:5173 (or * for any)'),
  /** SHA-256 of the admin token, in hex; without it there is no admin. */
  ASSAY_ADMIN_TOKEN_SHA256: variable(z.string().regex(/^[0-9a-f]{64}$/, 'is not 64 hex digits in lower case').optional(), '(printf %s "$TOKEN" | sha256sum)'),
  /** Servers of the broker's cluster that keep each object: one, or three or five so that one or two may fail. */
  ASSAY_NATS_REPLICAS: variable(wholeNumber(1, 5).default(1), '3'),
  DATABASE_URL: secret(z.string().regex(/^postgres(ql)?:\/\//, 'is not a postgresql:// URL').refine((text) => URL.canParse(text), 'is not a URL: what is special in the password goes as %XX').optional(), 'postgresql://user:password@127.0.0.1:5432/assay'),
  ASSAY_PGLITE_DIR: variable(z.string().min(1).optional(), './data/coordinator/database'),
  /** How long an answered job waits for its batch. */
  ASSAY_BATCH_INTERVAL_MS: variable(wholeNumber(50, 3_600_000).default(2_000), '2000'),
  ASSAY_BATCH_MAX: variable(wholeNumber(1, 4_096).default(1_024), '1024'),
  /** How long an executor may take for a job. */
  ASSAY_LEASE_MS: variable(wholeNumber(100, 3_600_000).default(30_000), '30000'),
  ASSAY_MODEL_MAX_BYTES: variable(wholeNumber(1, 2 ** 30).default(256 * 2 ** 20), '268435456'),
  /** What a job costs, in the token's smallest unit. */
  ASSAY_JOB_PRICE: variable(price.default(10n ** 15n), '1000000000000000'),
  /** Submissions a second from one submitter, in the long run. */
  ASSAY_SUBMITTER_RATE: variable(wholeNumber(1, 1_000_000).default(1_000), '1000'),
  /** Calls a second from one network address, in the long run. */
  ASSAY_CALLER_RATE: variable(wholeNumber(1, 1_000_000).default(5_000), '5000'),
  /** Jobs without an answer at once; further ones are refused, and of one submitter's those beyond half of it. */
  ASSAY_MAX_OPEN_JOBS: variable(wholeNumber(1, 1_000_000).default(10_000), '10000'),
  /** How long inputs and outputs of a job are kept after its end. */
  ASSAY_RETENTION_S: variable(wholeNumber(3_600, 3_153_600_000).default(2_592_000), '2592000'),
  ASSAY_FAULT: variable(z.enum(COORDINATOR_FAULTS).default('none'), 'withhold'),
});

export type CoordinatorConfig = z.infer<typeof coordinatorSchema>;

export function coordinatorConfig(env: Environment): CoordinatorConfig {
  const oneDatabase = coordinatorSchema.refine((c) => (c.DATABASE_URL === undefined) !== (c.ASSAY_PGLITE_DIR === undefined), {
    path: ['DATABASE_URL'],
    message: 'set either this or ASSAY_PGLITE_DIR, not both and not neither',
  });
  const wholeTls = oneDatabase.refine((c) => (c.ASSAY_GRPC_TLS_CERT === undefined) === (c.ASSAY_GRPC_TLS_KEY === undefined) && (c.ASSAY_GRPC_TLS_CLIENT_CA === undefined || c.ASSAY_GRPC_TLS_CERT !== undefined), {
    path: ['ASSAY_GRPC_TLS_CERT'],
    message: 'set ASSAY_GRPC_TLS_CERT and ASSAY_GRPC_TLS_KEY together, and ASSAY_GRPC_TLS_CLIENT_CA only with them',
  });
  return readConfig(wholeTls, env);
}
