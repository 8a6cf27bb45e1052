import { randomUUID } from 'node:crypto';
import { link, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AssayError } from '#core/protocol';

/** The file's bytes, or undefined if there is no such file. */
export async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    // WHY a copy: small files are views into a buffer shared with others.
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unwritable(path, cause);
  }
}

/** Writes a file so that after a crash at any time, also of the machine, it has either the old content or the new, whole; the new once this resolves. */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = await writeBeside(path, bytes);
  try {
    await rename(temporary, path);
    await syncFolder(path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw unwritable(path, cause);
  }
}

/** Creates a file whole or not at all, also if the machine crashes; false, and no change, if it is there already. Of two callers one wins. */
export async function createFile(path: string, bytes: Uint8Array): Promise<boolean> {
  const temporary = await writeBeside(path, bytes);
  try {
    // WHY link and not rename: rename replaces, link refuses.
    await link(temporary, path);
    await syncFolder(path);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw unwritable(path, cause);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** WHY: a file's name is in its folder, and a machine that loses power forgets names that were not written. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function writeBeside(path: string, bytes: Uint8Array): Promise<string> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    return temporary;
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

function unwritable(path: string, cause: unknown): AssayError {
  return new AssayError({ code: 'FILE_UNREADABLE', facts: { file: path }, cause });
}
