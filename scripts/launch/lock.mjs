import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LaunchError, STATE } from './place.mjs';

const PATIENCE_MS = 15 * 60_000;

/** Runs `work` while no other launcher of this checkout prepares anything. */
export async function withLock(work, folder = STATE) {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'lock');
  await acquire(file);
  const release = () => rmSync(file, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.removeListener('exit', release);
    release();
  }
}

async function acquire(file) {
  let announced = false;
  for (const giveUp = Date.now() + PATIENCE_MS; Date.now() < giveUp; await sleep(250)) {
    if (take(file)) return;
    const holder = holderOf(file);
    if (holder !== undefined && !alive(holder)) rmSync(file, { force: true });
    else if (!announced) process.stderr.write(`another assay (process ${holder}) is preparing this folder, waiting for it\n`);
    announced = true;
  }
  throw new LaunchError(`another assay still holds ${file} after ${PATIENCE_MS / 60_000} minutes: end it or remove the file`);
}

function take(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** The holder's process id; undefined while it is just being written or just gone. */
function holderOf(file) {
  try {
    return Number(readFileSync(file, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
