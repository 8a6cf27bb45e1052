import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { AssayError } from '#core/protocol';
import { lockFolder } from '#io/storage';
import { VERSION } from '#platform';

export interface Backup {
  readonly data: string;
  readonly out: string;
  readonly database?: string;
}

/** The first file in the archive. */
const manifestSchema = z.object({ format: z.literal(1), version: z.string(), createdAt: z.string(), database: z.boolean() });
type Manifest = z.infer<typeof manifestSchema>;

const DUMP = 'database.dump';
/** How deep below the data folder embedded databases are looked for. */
const MAX_DEPTH = 3;

/**
 * One archive with the folder's files and, if asked, a dump of the database (consistent by itself).
 * @throws AssayError DATABASE_LOCKED if a process has the embedded database open, TOOL_MISSING, FILE_UNREADABLE
 */
export async function backUp({ data, out, database }: Backup): Promise<Manifest & { bytes: number }> {
  if (!existsSync(data)) throw new AssayError({ code: 'FILE_UNREADABLE', message: `there is no folder ${data}`, facts: { data } });
  const releases = embeddedDatabases(data, MAX_DEPTH).map((folder) => lockFolder(folder));
  const place = mkdtempSync(join(dirname(resolve(out)), '.backup-'));
  try {
    const manifest: Manifest = { format: 1, version: VERSION, createdAt: new Date().toISOString(), database: database !== undefined };
    writeFileSync(join(place, 'manifest.json'), JSON.stringify(manifest));
    if (database) runAt(database, 'pg_dump', (url) => ['--format=custom', '--no-owner', `--file=${join(place, DUMP)}`, url]);
    symlinkSync(resolve(data), join(place, 'data'));
    const archive = join(place, 'archive');
    // WHY without logs, locks and sockets: they are of the process that was, not of its state.
    run('tar', ['-chzf', archive, '-C', place, '--exclude=*.lock', '--exclude=./data/lock', '--exclude=./data/logs', 'manifest.json', ...(database ? [DUMP] : []), './data']);
    chmodSync(archive, 0o600);
    renameSync(archive, out);
    return { ...manifest, bytes: statSync(out).size };
  } finally {
    rmSync(place, { recursive: true, force: true });
    for (const release of releases) release();
  }
}

/** @throws AssayError USAGE unless the folder is empty and a database is named exactly if the backup holds one */
export async function restore({ file, data, database }: { file: string; data: string; database?: string }): Promise<Manifest> {
  if (existsSync(data) && readdirSync(data).length > 0) throw new AssayError({ code: 'USAGE', message: `${data} is not empty`, facts: { data }, remedy: 'Restore into an empty folder.' });
  mkdirSync(dirname(resolve(data)), { recursive: true });
  const place = mkdtempSync(join(dirname(resolve(data)), '.restore-'));
  try {
    run('tar', ['-xzf', resolve(file), '-C', place]);
    const manifest = manifestOf(join(place, 'manifest.json'));
    if (manifest.database !== (database !== undefined)) throw new AssayError({ code: 'USAGE', message: manifest.database ? 'the backup holds a database: name an empty one with --database' : 'the backup holds no database' });
    if (database) runAt(database, 'pg_restore', (url) => ['--no-owner', '--exit-on-error', '--single-transaction', `--dbname=${url}`, join(place, DUMP)]);
    rmSync(data, { recursive: true, force: true });
    renameSync(join(place, 'data'), data);
    return manifest;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function manifestOf(file: string): Manifest {
  try {
    return manifestSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new AssayError({ code: 'FILE_UNREADABLE', message: 'this is no backup of ours', cause });
  }
}

function embeddedDatabases(folder: string, depth: number): string[] {
  if (existsSync(join(folder, 'PG_VERSION'))) return [folder];
  if (depth === 0) return [];
  return readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).flatMap((entry) => embeddedDatabases(join(folder, entry.name), depth - 1));
}

/** SAFETY: everybody on the machine sees a program's arguments; the password goes another way. */
function runAt(database: string, program: string, args: (url: string) => readonly string[]): void {
  const url = new URL(database);
  const password = decodeURIComponent(url.password);
  url.password = '';
  run(program, args(url.href), password === '' ? {} : { PGPASSWORD: password });
}

/** SAFETY: what the program says is told, its arguments are not: a database URL may hold a password. */
function run(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  if (error) throw new AssayError({ code: 'TOOL_MISSING', message: `${program} is needed for this`, facts: { program, command: program === 'tar' ? 'apt-get install tar' : 'apt-get install postgresql-client' } });
  if (status !== 0) throw new AssayError({ code: 'FILE_UNREADABLE', message: `${program} failed`, facts: { program, said: stderr.trim().slice(-2_000) } });
}
