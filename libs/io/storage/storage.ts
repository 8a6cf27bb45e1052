import { randomUUID } from 'node:crypto';
import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import { ArtifactStore } from './artifacts.js';
import { BatchStore } from './batches.js';
import { JobChanges, type ChangeListener } from './changes.js';
import { CursorStore } from './cursors.js';
import { openDatabase, type DatabaseLocation } from './database.js';
import { DisputeStore } from './disputes.js';
import { PrismaClient } from './generated/client.js';
import { JobStore } from './jobs.js';
import { migrate } from './migration.js';
import { ModelStore } from './models.js';
import { JobNotifications } from './notifications.js';
import { saysOutage } from './outage.js';
import { RetentionStore } from './retention.js';
import { RoleStore } from './roles.js';
import { TensorStore } from './tensors.js';

export interface StorageOptions {
  readonly database: DatabaseLocation;
  /** The folder with the migrations of prisma/. */
  readonly migrations: string;
  /** Folder for model files. */
  readonly artifacts: string;
  /** What this process is called among those of the same database; unique to it. */
  readonly self?: string;
}

export interface Storage {
  readonly jobs: JobStore;
  readonly batches: BatchStore;
  readonly disputes: DisputeStore;
  readonly models: ModelStore;
  readonly tensors: TensorStore;
  readonly cursors: CursorStore;
  readonly roles: RoleStore;
  readonly retention: RetentionStore;
  readonly artifacts: ArtifactStore;
  /** Calls the listener after every commit that changed jobs' states, by any process of the database; returns how to stop that. */
  onJobChange(listener: ChangeListener): () => void;
  close(): Promise<void>;
}

/** WHY so patient: the embedded database does one transaction at a time, and a busy machine makes each of them slow. */
const TRANSACTION = { maxWait: 30_000, timeout: 60_000 };

/**
 * Opens the database, brings it to this version's schema, and gives the stores.
 * @throws AssayError DATABASE_UNREACHABLE, DATABASE_LOCKED or MIGRATION_FAILED
 */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const database = await openDatabase(options.database);
  try {
    await database.apart((factory) => migrate(factory, options.migrations));
  } catch (error) {
    await database.close();
    throw error;
  }
  const prisma = new PrismaClient({ adapter: database.factory as SqlDriverAdapterFactory, transactionOptions: TRANSACTION });
  const changes = new JobChanges();
  // WHY not for the embedded database: it has one process.
  const notifications = 'url' in options.database ? new JobNotifications(options.database.url, changes, options.self ?? `${process.pid}-${randomUUID()}`) : undefined;
  await notifications?.start();
  return {
    jobs: saysOutage(new JobStore(prisma, changes)),
    batches: saysOutage(new BatchStore(prisma, changes)),
    disputes: saysOutage(new DisputeStore(prisma, changes)),
    models: saysOutage(new ModelStore(prisma)),
    tensors: saysOutage(new TensorStore(prisma)),
    cursors: saysOutage(new CursorStore(prisma)),
    roles: saysOutage(new RoleStore(prisma)),
    retention: saysOutage(new RetentionStore(prisma)),
    artifacts: new ArtifactStore(options.artifacts),
    onJobChange: (listener) => changes.subscribe(listener),
    close: async () => {
      await notifications?.close();
      await prisma.$disconnect();
      await database.close();
    },
  };
}
