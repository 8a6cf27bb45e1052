import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { AssayError } from '#core/protocol';

/**
 * One owner per embedded database: two processes on one folder corrupt it.
 * The lock is a file beside the folder with the owner's process id; that of a dead process is taken over.
 * @returns the release
 */
export function lockFolder(folder: string): () => void {
  const file = `${folder}.lock`;
  mkdirSync(dirname(file), { recursive: true });
  if (!create(file)) {
    const owner = ownerOf(file);
    if (owner !== undefined && isAlive(owner)) throw new AssayError({ code: 'DATABASE_LOCKED', message: `process ${owner} has ${folder} open`, facts: { folder, process: owner } });
    rmSync(file, { force: true });
    if (!create(file)) throw new AssayError({ code: 'DATABASE_LOCKED', facts: { folder } });
  }
  return () => rmSync(file, { force: true });
}

function create(file: string): boolean {
  try {
    const handle = openSync(file, 'wx');
    writeSync(handle, `${process.pid}\n`);
    closeSync(handle);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new AssayError({ code: 'FILE_UNREADABLE', message: `cannot write ${file}`, facts: { file }, cause });
  }
}

function ownerOf(file: string): number | undefined {
  const owner = Number.parseInt(readFileSync(file, 'utf8'), 10);
  return Number.isInteger(owner) && owner > 0 ? owner : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}
