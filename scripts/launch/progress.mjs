import { spawn } from 'node:child_process';
import { LaunchError, ROOT } from './place.mjs';

const STILL_MS = 10_000;
const KEPT_OUTPUT = 64 * 1024;

/** Runs a command with its output kept back, one line before and one after; shows the output only if it fails. */
export async function runQuietly(title, [command, ...args], env = {}) {
  const started = Date.now();
  const seconds = () => `${((Date.now() - started) / 1000).toFixed(1)} s`;
  process.stderr.write(`${title} …\n`);
  const still = setInterval(() => process.stderr.write(`${title}: still at it after ${seconds()}\n`), STILL_MS);
  const { code, output } = await finished(command, args, env).finally(() => clearInterval(still));
  if (code !== 0) throw new LaunchError(`${output}\n${title} failed: ${[command, ...args].join(' ')} ended with ${code}`);
  process.stderr.write(`${title}: ${seconds()}\n`);
}

function finished(command, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const keep = (chunk) => (output = (output + chunk).slice(-KEPT_OUTPUT));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => reject(new LaunchError(`cannot run ${command}: ${error.message}`)));
    child.on('close', (code, signal) => resolve({ code: code ?? signal, output }));
  });
}
