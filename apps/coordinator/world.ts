import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssayError } from '#core/protocol';
import type { Chain } from '#io/chain';
import type { Messaging } from '#io/messaging';
import { openStorage, type Storage } from '#io/storage';
import { CONNECTING, openChain, openMessaging } from '#participant';
import { connectWithRetry, systemClock, type Clock, type Logger, type Registry, type Shutdown } from '#platform';
import { jobCounts, type JobCounts } from './caches.js';
import type { CoordinatorConfig } from './config.js';

/** Everything outside of this process that it works with. */
export interface World {
  readonly config: CoordinatorConfig;
  readonly storage: Storage;
  readonly jobCounts: () => Promise<JobCounts>;
  readonly chain: Chain;
  readonly messaging: Messaging;
  readonly clock: Clock;
  readonly log: Logger;
  /** What this process is called among those of the same coordinator. */
  readonly self: string;
  /** For health: what is wrong with the chain, as whoever reads it here says. */
  readonly chainProblem: { text: string | undefined; set(text: string | undefined): void };
  /** Closed to new jobs, by the admin or because the process stops. */
  readonly gate: { draining: boolean };
  /** Aborts when nobody is to wait any longer, because the process stops. */
  readonly stopping: AbortSignal;
  /** Where what runs here is counted. */
  readonly registry: Registry;
}

export interface OpenWorldOptions {
  readonly registry: Registry;
  readonly config: CoordinatorConfig;
  readonly log: Logger;
  readonly shutdown: Pick<Shutdown, 'onShutdown'>;
  readonly stopping: AbortSignal;
}

/** Opens database, chain and broker, each with bounded patience; what was opened closes at shutdown, the database last. */
export async function openWorld({ config, log, shutdown, stopping, registry }: OpenWorldOptions): Promise<World> {
  const self = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const storage = await openStorage({ database: databaseOf(config), migrations: migrationsFolder(), artifacts: join(config.ASSAY_DATA_DIR, 'models'), self });
  shutdown.onShutdown('database', () => storage.close());
  const chain = await openChain(config, log);
  const messaging = await openMessaging('coordinator', config, log);
  shutdown.onShutdown('broker', () => messaging.close());
  await connectWithRetry(() => messaging.objects.createBuckets(config.ASSAY_NATS_REPLICAS), { ...CONNECTING, what: 'object store', code: 'BROKER_UNREACHABLE', log });
  return { config, storage, jobCounts: jobCounts(storage.jobs, systemClock.now), chain, messaging, clock: systemClock, log, self, chainProblem: problemNote(), gate: { draining: false }, stopping, registry };
}

function problemNote(): World['chainProblem'] {
  return {
    text: undefined,
    set(text) {
      this.text = text;
    },
  };
}

function databaseOf({ DATABASE_URL, ASSAY_PGLITE_DIR }: CoordinatorConfig) {
  return DATABASE_URL === undefined ? { folder: ASSAY_PGLITE_DIR! } : { url: DATABASE_URL };
}

/** prisma/migrations of the checkout this file is in; it runs from the sources and from dist. */
function migrationsFolder(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) {
    const candidate = join(folder, 'prisma/migrations');
    if (existsSync(candidate)) return candidate;
  }
  throw new AssayError({ code: 'INVARIANT_BROKEN', message: 'the migrations are not beside the program' });
}
