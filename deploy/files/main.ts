/**
 * Writes what of this folder follows from the configuration schemas and the metrics in the code, and docs/metrics.md.
 *
 *   npm run deploy [-- --check]    # --check: fails if one is stale, writes nothing
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PROJECT_ROOT } from '#testing';
import { deployFiles } from './files.js';

let stale = 0;
for (const [name, text] of Object.entries(await deployFiles())) {
  const file = join(PROJECT_ROOT, name);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
  stale++;
  mkdirSync(dirname(file), { recursive: true });
  if (process.argv.includes('--check')) console.error(`${name} is stale: run \`npm run deploy\``);
  else writeFileSync(file, text);
}
if (process.argv.includes('--check') && stale > 0) process.exitCode = 1;
