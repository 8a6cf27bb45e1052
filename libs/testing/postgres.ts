import { spawn, spawnSync, type ChildProcess, type SpawnSyncReturns } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AssayError } from '#core/protocol';
import { fetchedInto } from './fetched.js';
import { freePort } from './network/ports.js';
import { watchOver } from './network/watchman.js';

const DEBIAN_PLACE = 'usr/lib/postgresql';
const COMMAND = 'sudo apt-get install postgresql';
const START_MS = 30_000;
const LOOPBACK = '127.0.0.1';

export interface RunningPostgres {
  /** URL of an empty database. */
  readonly url: string;
  /** Another empty database on the same server. */
  createDatabase(name: string): string;
  /** Ends the server as a crash would: no goodbye to clients, recovery from the log at the next start. */
  crash(): Promise<void>;
  /** Starts it again after a crash. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Programs and what they need to run: a folder and, if unpacked by us, its libraries. */
interface Installation {
  readonly bin: string;
  readonly env: NodeJS.ProcessEnv;
}

interface User {
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * A real PostgreSQL server in a folder of its own. Debian's programs if installed, else the Debian packages unpacked
 * beside the system's temporary files, without root and without touching the system.
 * @throws AssayError TOOL_MISSING with the command to run
 */
export async function startPostgres(say: (line: string) => void = () => {}, host = LOOPBACK): Promise<RunningPostgres> {
  const installation = installed('/') ?? (await fetchedInstallation(say));
  const user = unprivileged();
  const dir = mkdtempSync(join(tmpdir(), 'assay-postgres-'));
  chmodSync(dir, 0o700);
  if (user.uid !== undefined) chownSync(dir, user.uid, user.gid!);
  const port = await freePort();
  const run = (program: string, args: string[]) => {
    const result = spawnSync(join(installation.bin, program), args, { ...user, cwd: dir, env: installation.env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    if (result.status !== 0) throw failed(program, result, join(dir, 'log'));
  };
  run('initdb', ['-D', join(dir, 'data'), '-U', 'assay', '-A', 'trust', '-N', '-E', 'UTF8', '--locale=C']);
  if (host !== LOOPBACK) appendFileSync(join(dir, 'data/pg_hba.conf'), `host all all ${host}/24 trust\n`);
  const settings = { listen_addresses: host, port, unix_socket_directories: dir, fsync: 'off', max_connections: 40, shared_buffers: '32MB', logging_collector: 'off' };
  const start = async () => {
    const server = spawn(join(installation.bin, 'postgres'), ['-D', join(dir, 'data'), ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])], {
      ...user,
      cwd: dir,
      env: installation.env,
      stdio: ['ignore', 'ignore', openSync(join(dir, 'log'), 'a')],
    });
    watchOver(server);
    await accepting(server, () => spawnSync(join(installation.bin, 'pg_isready'), ['-h', host, '-p', String(port), '-q'], { env: installation.env }).status === 0, join(dir, 'log'));
    return server;
  };
  const end = async (signal: NodeJS.Signals) => {
    const ended = once(server, 'exit');
    if (server.exitCode === null && server.signalCode === null && server.kill(signal)) await ended;
  };
  let server = await start();
  const createDatabase = (name: string) => {
    run('createdb', ['-h', host, '-p', String(port), '-U', 'assay', name]);
    return `postgresql://assay@${host}:${port}/${name}`;
  };
  return {
    url: createDatabase('assay'),
    createDatabase,
    // WHY not SIGKILL: what the server leaves in shared memory would keep the next one from starting. SIGQUIT writes nothing either.
    crash: () => end('SIGQUIT'),
    restart: async () => void (server = await start()),
    stop: async () => {
      // WHY: SIGINT is the server's fast shutdown; SIGTERM would wait for every client.
      await end('SIGINT');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function installed(root: string, env: NodeJS.ProcessEnv = process.env): Installation | undefined {
  const place = join(root, DEBIAN_PLACE);
  const versions = existsSync(place) ? readdirSync(place).sort((a, b) => Number(b) - Number(a)) : [];
  const bin = versions.map((version) => join(place, version, 'bin')).find((folder) => existsSync(join(folder, 'initdb')));
  return bin ? { bin, env } : undefined;
}

/** WHY: the server refuses to run as root; postgres is Debian's user for it, nobody is there on every system. */
function unprivileged(): User {
  if (process.getuid?.() !== 0) return {};
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':'));
  const entry = lines.find(([name]) => name === 'postgres') ?? lines.find(([name]) => name === 'nobody');
  if (!entry) throw new AssayError({ code: 'TOOL_MISSING', message: 'no unprivileged user to run PostgreSQL as', facts: { command: 'adduser --system postgres' } });
  return { uid: Number(entry[2]), gid: Number(entry[3]) };
}

/** Own lists and cache; every package that is not installed yet is downloaded and unpacked into one folder, readable by all. */
async function fetchedInstallation(say: (line: string) => void): Promise<Installation> {
  const place = join(tmpdir(), `assay-postgres-packages-${process.getuid?.() ?? 'user'}`);
  const root = join(place, 'root');
  const libraries = join(root, 'usr/lib', `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`);
  const env = { ...process.env, LD_LIBRARY_PATH: libraries };
  if (!installed(root, env)) await fetchedInto(place, { isThere: () => installed(root, env) !== undefined, fetch: async (folder) => fetchPackages(folder, say) });
  const found = installed(root, env);
  if (!found) throw new AssayError({ code: 'TOOL_MISSING', message: 'PostgreSQL is needed for this: none was found and fetching it failed', facts: { program: 'postgres', command: COMMAND }, remedy: `Run: ${COMMAND}` });
  return found;
}

function fetchPackages(place: string, say: (line: string) => void): void {
  say('PostgreSQL not found: fetching the Debian packages …');
  for (const folder of ['lists/partial', 'cache/archives/partial', 'root']) mkdirSync(join(place, folder), { recursive: true, mode: 0o755 });
  const options = [`Dir::State::lists=${place}/lists`, `Dir::Cache=${place}/cache`, 'APT::Sandbox::User=', 'Debug::NoLocking=1'].flatMap((option) => ['-o', option]);
  spawnSync('apt-get', [...options, '-qq', 'update'], { stdio: 'ignore' });
  spawnSync('apt-get', [...options, '-qq', '-y', '--no-install-recommends', '--download-only', 'install', 'postgresql'], { stdio: 'ignore' });
  const archives = join(place, 'cache/archives');
  for (const file of readdirSync(archives).filter((name) => name.endsWith('.deb'))) spawnSync('dpkg-deb', ['-x', join(archives, file), join(place, 'root')], { stdio: 'ignore' });
}

async function accepting(server: ChildProcess, isReady: () => boolean, logFile: string): Promise<void> {
  for (const until = Date.now() + START_MS; Date.now() < until && server.exitCode === null; await sleep(50)) if (isReady()) return;
  server.kill('SIGKILL');
  throw failed('postgres', { status: server.exitCode, stdout: '', stderr: '' }, logFile);
}

function failed(program: string, result: Pick<SpawnSyncReturns<string>, 'status' | 'stdout' | 'stderr' | 'error'>, logFile: string): AssayError {
  const log = existsSync(logFile) ? readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-12) : [];
  return new AssayError({ code: 'DATABASE_UNREACHABLE', message: `${program} failed`, facts: { program, output: `${result.stdout}${result.stderr}`.slice(-2000), log, reason: result.error?.message } });
}
