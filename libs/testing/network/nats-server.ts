import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { AssayError } from '#core/protocol';
import { fetchedInto } from '../fetched.js';
import { PROJECT_ROOT } from '../place.js';

const UNPACKED = join(PROJECT_ROOT, '.local/nats');
const DEBIAN_BINARY = join(UNPACKED, 'root/usr/sbin/nats-server');
/** Debian puts daemons where a user's PATH does not look. */
const USUAL_PLACES = ['/usr/sbin/nats-server', '/usr/local/sbin/nats-server', '/usr/local/bin/nats-server', '/opt/homebrew/bin/nats-server'];

type Say = (line: string) => void;

/**
 * The nats-server program: NATS_SERVER_BIN, PATH, the usual places, or fetched with the platform's package manager
 * (apt without root and without touching the system; Homebrew).
 * @throws AssayError TOOL_MISSING with the command to run
 */
export async function findNatsServer(env: NodeJS.ProcessEnv, say: Say): Promise<string> {
  if (env['NATS_SERVER_BIN']) return works(env['NATS_SERVER_BIN']) ? env['NATS_SERVER_BIN'] : missing(`NATS_SERVER_BIN=${env['NATS_SERVER_BIN']} does not run`);
  const found = [DEBIAN_BINARY, 'nats-server', ...USUAL_PLACES].find(works);
  if (found) return found;
  if (works('apt-get')) await fetchedInto(UNPACKED, { isThere: () => works(DEBIAN_BINARY), fetch: (folder) => fetchDebianPackage(folder, say) });
  else if (works('brew')) await run('brew', ['install', 'nats-server'], say);
  return [DEBIAN_BINARY, 'nats-server', ...USUAL_PLACES].find(works) ?? missing('none was found and fetching it failed');
}

function works(program: string): boolean {
  if (program.includes('/') && !existsSync(program)) return false;
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

function missing(why: string): never {
  const command = process.platform === 'darwin' ? 'brew install nats-server' : 'sudo apt-get install nats-server';
  throw new AssayError({
    code: 'TOOL_MISSING',
    message: `nats-server is needed: ${why}`,
    facts: { program: 'nats-server', command },
    remedy: `Run: ${command} (or set NATS_SERVER_BIN to the program).`,
  });
}

/** Own package lists and cache, download, unpack: needs no root and leaves the system as it is. */
async function fetchDebianPackage(place: string, say: Say): Promise<void> {
  say('nats-server not found: fetching the Debian package into .local/nats …');
  const started = Date.now();
  for (const folder of ['lists/partial', 'cache/archives/partial', 'deb']) mkdirSync(join(place, folder), { recursive: true });
  const options = [`Dir::State::lists=${place}/lists`, `Dir::Cache=${place}/cache`, 'APT::Sandbox::User=', 'Debug::NoLocking=1'].flatMap((o) => ['-o', o]);
  await run('apt-get', [...options, '-qq', 'update'], say);
  await run('apt-get', [...options, '-qq', 'download', 'nats-server'], say, join(place, 'deb'));
  const file = readdirSync(join(place, 'deb')).find((name) => name.startsWith('nats-server_') && name.endsWith('.deb'));
  if (file) await run('dpkg-deb', ['-x', join(place, 'deb', file), join(place, 'root')], say);
  say(`nats-server: ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

function run(command: string, args: string[], say: Say, cwd?: string): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-4096)));
    // WHY: a failed step is reported but not fatal here; whether the program is there afterwards decides.
    child.once('error', (error) => (say(`${command}: ${error.message}`), resolve()));
    child.once('close', (code) => {
      if (code !== 0) say(`${command} ended with ${code}: ${complaint.trim()}`);
      resolve();
    });
  });
}
