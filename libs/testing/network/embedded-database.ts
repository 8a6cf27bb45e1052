import { randomUUID } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PROJECT_ROOT } from '../place.js';

/** An empty database in `folder`, unless there is one. WHY a copy: to make one takes five seconds of computing, so it is made once in a checkout. */
export async function prepareEmbeddedDatabase(folder: string): Promise<void> {
  if (existsSync(folder)) return;
  const { version } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'node_modules/@electric-sql/pglite/package.json'), 'utf8')) as { version: string };
  const model = join(PROJECT_ROOT, '.local', `pglite-${version}`);
  if (!existsSync(model)) await whole(model, createEmpty);
  await whole(folder, (place) => cpSync(model, place, { recursive: true }));
}

async function createEmpty(place: string): Promise<void> {
  const { PGlite } = await import('@electric-sql/pglite');
  await (await PGlite.create(place)).close();
}

/** Makes a folder that is there whole or not at all; of several that make it one wins. */
async function whole(folder: string, make: (place: string) => Promise<void> | void): Promise<void> {
  const place = `${folder}.${randomUUID()}`;
  mkdirSync(dirname(folder), { recursive: true });
  try {
    await make(place);
    renameSync(place, folder);
  } catch (error) {
    rmSync(place, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
}
