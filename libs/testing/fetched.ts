import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Fills a folder of this call's own and moves it to its place whole, so that any number of processes can fetch the same
 * at once: the first that is ready stays. What lies at the place and is not complete goes.
 */
export async function fetchedInto(place: string, { isThere, fetch }: { isThere: () => boolean; fetch: (folder: string) => Promise<void> }): Promise<void> {
  mkdirSync(dirname(place), { recursive: true });
  const folder = mkdtempSync(`${place}.part-`);
  try {
    chmodSync(folder, 0o755);
    await fetch(folder);
    if (isThere()) return;
    rmSync(place, { recursive: true, force: true });
    renameSync(folder, place);
  } catch (error) {
    if (!isThere()) throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
