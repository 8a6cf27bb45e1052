import { challengerSchema } from '../../apps/challenger/config.js';
import { coordinatorSchema } from '../../apps/coordinator/config.js';
import { executorSchema } from '../../apps/executor/config.js';
import { gatewaySchema } from '../../apps/gateway/config.js';

/** What each process reads; the files of this folder are held to it. */
export const SCHEMAS = { coordinator: coordinatorSchema, executor: executorSchema, challenger: challengerSchema, gateway: gatewaySchema };
export type Role = keyof typeof SCHEMAS;
export type Secret = 'keystore' | 'keystore-password' | 'nats-seed' | 'database-url';

/** Secrets of a process, each a file; the gateway speaks to a coordinator only, the coordinator alone to the database. */
export const SECRETS: Readonly<Record<Role, readonly Secret[]>> = {
  coordinator: ['keystore', 'keystore-password', 'nats-seed', 'database-url'],
  executor: ['keystore', 'keystore-password', 'nats-seed'],
  challenger: ['keystore', 'keystore-password', 'nats-seed'],
  gateway: ['keystore', 'keystore-password'],
};

/** What a process may take at most, in GiB: those that run models, with a model's own process (ASSAY_MODEL_MEMORY_MB) beside it. */
export const MEMORY_GIB: Readonly<Record<Role | 'broker' | 'database' | 'prometheus', number>> = { coordinator: 2, executor: 8, challenger: 8, gateway: 1, broker: 2, database: 4, prometheus: 2 };

export const PORTS = { grpc: 50051, inferenceGrpc: 8001, inferenceHttp: 8000, metrics: 9464, nats: 4222, routes: 6222 } as const;
export const BROKERS = [0, 1, 2] as const;

/** Where a process finds what, in one way of running it. */
export interface Place {
  readonly rpcUrl: string;
  readonly natsUrl: string;
  readonly replicas: number;
  readonly deployment: string;
  readonly data: string;
  readonly secret: (name: Secret) => string;
  /** host:port of a coordinator, for the gateway. */
  readonly coordinator: string;
  readonly metrics: string;
  readonly grpc: string;
  readonly inference: { readonly grpc: string; readonly http: string };
}

/** The environment of a process: what has to be said; all else has defaults, see the schema in apps/<role>/config.ts. */
export function environmentOf(role: Role, place: Place): Record<string, string> {
  const own = {
    ASSAY_DEPLOYMENT: place.deployment,
    ASSAY_DATA_DIR: place.data,
    ASSAY_KEYSTORE: place.secret('keystore'),
    ASSAY_KEYSTORE_PASSWORD_FILE: place.secret('keystore-password'),
    ASSAY_METRICS_LISTEN: place.metrics,
  };
  if (role === 'gateway') return { ...own, ASSAY_GRPC_URL: place.coordinator, ASSAY_INFERENCE_GRPC_LISTEN: place.inference.grpc, ASSAY_INFERENCE_HTTP_LISTEN: place.inference.http };
  const peer = { ...own, ASSAY_RPC_URL: place.rpcUrl, ASSAY_NATS_URL: place.natsUrl, ASSAY_NATS_SEED_FILE: place.secret('nats-seed') };
  if (role !== 'coordinator') return peer;
  return { ...peer, ASSAY_GRPC_LISTEN: place.grpc, DATABASE_URL_FILE: place.secret('database-url'), ASSAY_NATS_REPLICAS: String(place.replicas) };
}

export const mainOf = (role: Role) => `dist/apps/${role}/main.js`;
