import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './place.mjs';
import { runQuietly } from './progress.mjs';

/** Lies inside node_modules so that it goes when they go. */
const STAMP = join(ROOT, 'node_modules/.assay-lock');

const lockHash = () => createHash('sha256').update(readFileSync(join(ROOT, 'package-lock.json'))).digest('hex');

export function dependenciesStale() {
  return !existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== lockHash();
}

/** Installs exactly what the lock file names; build tools are among the development dependencies. */
export async function installDependencies() {
  const packages = Object.keys(JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages).length;
  await runQuietly(`installing the ${packages} locked packages (npm ci, about 1.3 GB)`, ['npm', 'ci', '--include=dev', '--no-progress']);
  writeFileSync(STAMP, lockHash());
}
