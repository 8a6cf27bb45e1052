import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AssayError } from '#core/protocol';
import { createFile } from '#platform';

/**
 * Takes a gateway's folder for this process; the returned function gives it back.
 * WHY: two processes that both count a key's spending would let it spend twice.
 * @throws AssayError STATE_CONFLICT while another process has it
 */
export async function claimFolder(dir: string): Promise<() => Promise<void>> {
  const file = join(dir, 'gateway.lock');
  const bytes = new TextEncoder().encode(String(process.pid));
  for (let tries = 0; tries < 2; tries++) {
    if (await createFile(file, bytes)) return () => rm(file, { force: true });
    const holder = Number(await readFile(file, 'utf8').catch(() => '0'));
    if (isAlive(holder)) throw new AssayError({ code: 'STATE_CONFLICT', message: `process ${holder} has this folder of keys open`, facts: { dir, pid: holder }, remedy: 'Stop it, or give this gateway another ASSAY_DATA_DIR.' });
    await rm(file, { force: true });
  }
  throw new AssayError({ code: 'STATE_CONFLICT', message: 'another process takes this folder of keys', facts: { dir } });
}

function isAlive(pid: number): boolean {
  if (!pid || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
