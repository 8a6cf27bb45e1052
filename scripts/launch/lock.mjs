import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LaunchError, STATE } from './place.mjs';

const FILE = join(STATE, 'lock');
const PATIENCE_MS = 15 * 60_000;

/** Runs `work` while no other launcher of this checkout prepares anything. */
export async function withLock(work) {
  await acquire();
  const release = () => rmSync(FILE, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.removeListener('exit', release);
    release();
  }
}

async function acquire() {
  mkdirSync(STATE, { recursive: true });
  let announced = false;
  for (const giveUp = Date.now() + PATIENCE_MS; Date.now() < giveUp; await sleep(250)) {
    if (take()) return;
    const holder = holderOf();
    if (holder !== undefined && !alive(holder)) rmSync(FILE, { force: true });
    else if (!announced) process.stderr.write(`another assay (process ${holder}) is preparing this folder, waiting for it\n`);
    announced = true;
  }
  throw new LaunchError(`another assay still holds ${FILE} after ${PATIENCE_MS / 60_000} minutes: end it or remove the file`);
}

function take() {
  try {
    writeFileSync(FILE, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** The holder's process id; undefined while it is just being written or just gone. */
function holderOf() {
  try {
    return Number(readFileSync(FILE, 'utf8')) || undefined;
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
