import { PGlite } from '@electric-sql/pglite';
import { PrismaPg } from '@prisma/adapter-pg';
import type { SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import pg from 'pg';
import { PrismaPGlite } from 'pglite-prisma-adapter';
import { AssayError } from '#core/protocol';
import { lockFolder } from './lock.js';

/** Which database: a PostgreSQL server, or one embedded in this process, kept in a folder. */
export type DatabaseLocation = { readonly url: string } | { readonly folder: string };

export interface Database {
  readonly factory: SqlMigrationAwareDriverAdapterFactory;
  /** Runs the work on connections that are gone afterwards. WHY: the schema engine keeps a lock with its connection, and other processes would wait for it. */
  apart<T>(work: (factory: SqlMigrationAwareDriverAdapterFactory) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 8;
/** No answer for so long, and the connection counts as cut; longer than any query of ours takes. */
const QUERY_TIMEOUT_MS = 30_000;
/** A question waits for one of the connections at most so long. */
const POOL_TIMEOUT_MS = 30_000;

/**
 * What every connection to a server asks for.
 * WHY: a link that is cut says nothing. Without these a query would wait a quarter of an hour, and the server would keep the locks of a
 * transaction that nobody ends for two hours, a role's among them: nobody could take it over.
 */
export const CONNECTION = {
  connectionTimeoutMillis: 5_000,
  keepAlive: true,
  keepAliveInitialDelayMillis: 5_000,
  idle_in_transaction_session_timeout: 15_000,
  options: '-c tcp_user_timeout=15000 -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=2',
} as const;

export async function openDatabase(location: DatabaseLocation): Promise<Database> {
  return 'url' in location ? openServer(location.url) : openEmbedded(location.folder);
}

/**
 * Opens as soon as CONNECTION says, and may be lost at any moment.
 * WHY: the pool has one limit for opening a connection and for waiting for one; questions of a busy process may wait longer for their turn.
 */
export class PromptClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super({ ...config, ...CONNECTION });
    // WHY: between its time in the pool and a transaction's first statement nobody listens, and an error that nobody hears ends the process. The next statement fails.
    this.on('error', () => {});
  }
}

async function openServer(url: string): Promise<Database> {
  await probe(url);
  const settings: pg.PoolConfig = { connectionString: url, max: MAX_CONNECTIONS, connectionTimeoutMillis: POOL_TIMEOUT_MS, query_timeout: QUERY_TIMEOUT_MS };
  const pool = new pg.Pool({ ...settings, Client: PromptClient });
  // WHY: an idle connection that the server drops would otherwise end the process; the next query opens another.
  pool.on('error', () => {});
  return { factory: new PrismaPg(pool), apart: (work) => workApart(url, work), close: () => pool.end() };
}

async function workApart<T>(url: string, work: (factory: SqlMigrationAwareDriverAdapterFactory) => Promise<T>): Promise<T> {
  const pool = new pg.Pool({ connectionString: url, max: 2, Client: PromptClient });
  pool.on('error', () => {});
  try {
    return await work(new PrismaPg(pool));
  } finally {
    await pool.end();
  }
}

/** SAFETY: facts name host and database only, the URL holds a password. */
async function probe(url: string): Promise<void> {
  const client = new PromptClient({ connectionString: url });
  try {
    await client.connect();
    await client.query('SELECT 1');
  } catch (cause) {
    const { host, port, database } = client;
    throw new AssayError({ code: 'DATABASE_UNREACHABLE', facts: { host, port, database, reason: (cause as Error).message }, cause });
  } finally {
    await client.end().catch(() => {});
  }
}

async function openEmbedded(folder: string): Promise<Database> {
  const unlock = lockFolder(folder);
  try {
    const database = await PGlite.create({ dataDir: folder });
    const factory = new PrismaPGlite(database);
    return {
      factory,
      apart: (work) => work(factory),
      close: async () => {
        await database.close();
        unlock();
      },
    };
  } catch (cause) {
    unlock();
    throw new AssayError({ code: 'DATABASE_UNREACHABLE', message: `cannot open the embedded database in ${folder}`, facts: { folder }, remedy: 'Check the folder and its permissions, or name another in ASSAY_PGLITE_DIR.', cause });
  }
}
