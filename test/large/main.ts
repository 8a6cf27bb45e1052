/**
 * Does a model of nearly 2 GB with its weights beside it compile in bounded memory? Writes one, compiles it in a process of
 * its own, and prints that process's peak; ends with 1 if it is refused or above the bound.
 *
 *   npm run test:large [-- --megabytes 1500] [-- --seed 20261121] [-- --json]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compileExternal, MOST_PER_BYTE } from './compiling.js';

const { values } = parseArgs({ options: { megabytes: { type: 'string', default: '1500' }, seed: { type: 'string', default: '20261121' }, json: { type: 'boolean', default: false } } });
const folder = mkdtempSync(join(tmpdir(), 'assay-large-'));
try {
  const result = compileExternal(folder, { bytes: Number(values.megabytes) * 1e6, seed: Number(values.seed) });
  const { bytes, peak, perByte, seconds, code } = result;
  console.log(values.json ? JSON.stringify(result, null, 2) : `${(bytes / 1e6).toFixed(0)} MB of weights compiled in ${seconds.toFixed(1)} s, peak ${(peak / 1e6).toFixed(0)} MB: ${perByte.toFixed(2)} bytes per byte of weights above the empty process, at most ${MOST_PER_BYTE} are allowed${code ? `; refused: ${code}` : ''} (seed ${values.seed})`);
  if (code !== '' || perByte > MOST_PER_BYTE) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
