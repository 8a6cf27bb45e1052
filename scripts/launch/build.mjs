import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, STATE } from './place.mjs';
import { runQuietly } from './progress.mjs';

/**
 * What the build consists of, in order. A step runs again when the bytes of its sources changed since it last succeeded
 * or what it makes is gone.
 */
export function buildSteps() {
  return [
    { name: 'generate', title: 'generating the database client', sources: ['prisma', 'prisma.config.ts'], endings: ['.prisma', '.ts'], makes: 'libs/io/storage/generated' },
    { name: 'contracts', title: 'compiling the contracts', sources: ['contracts/src', 'contracts/test', 'examples/solidity', 'scripts/compile-contracts.mjs'], endings: ['.sol', '.mjs'], makes: 'contracts/out' },
    {
      name: 'build',
      title: 'compiling TypeScript',
      sources: ['apps', 'libs', 'test', 'bench', 'deploy', 'examples', 'prisma', 'tsconfig.json', 'tsconfig.build.json', 'package.json'],
      endings: ['.ts', '.tsx', '.json', '.prisma'],
      makes: 'dist/apps/cli/main.js',
    },
  ];
}

export function stale(step) {
  const stamp = stampOf(step);
  return !existsSync(join(ROOT, step.makes)) || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== fingerprint(step);
}

/** Each step is the npm script of its name. */
export async function runStep(step) {
  await runQuietly(step.title, ['npm', 'run', '--silent', step.name]);
  mkdirSync(STATE, { recursive: true });
  // WHY: taken after the step, since generated code is among the sources of the next ones.
  writeFileSync(stampOf(step), fingerprint(step));
}

const stampOf = (step) => join(STATE, `${step.name}.stamp`);

function fingerprint(step) {
  const hash = createHash('sha256');
  for (const source of step.sources) for (const file of filesUnder(source, step.endings)) hash.update(`${file}\0`).update(readFileSync(join(ROOT, file)));
  return hash.digest('hex');
}

function filesUnder(path, endings) {
  const at = join(ROOT, path);
  if (!existsSync(at)) return [];
  if (statSync(at).isFile()) return [path];
  return readdirSync(at, { recursive: true, withFileTypes: true })
    // Tests are not built: they run from their sources.
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts') && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
    .sort();
}
