// Makes a fresh clone runnable (dependencies, generated code, build), then hands over to the command line tool.
// Plain JavaScript without dependencies: it runs before there are any.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildSteps, runStep, stale } from './launch/build.mjs';
import { dependenciesStale, installDependencies } from './launch/dependencies.mjs';
import { withLock } from './launch/lock.mjs';
import { LaunchError, ROOT } from './launch/place.mjs';

const NEEDED_NODE = [20, 19];

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NEEDED_NODE[0] || (major === NEEDED_NODE[0] && minor >= NEEDED_NODE[1])) return;
  throw new LaunchError(`assay needs Node.js ${NEEDED_NODE.join('.')} or newer, this is ${process.versions.node}: install a newer one from https://nodejs.org`);
}

async function prepare() {
  if (dependenciesStale()) await installDependencies();
  for (const step of buildSteps()) if (stale(step)) await runStep(step);
}

try {
  checkNode();
  if (dependenciesStale() || buildSteps().some(stale)) await withLock(prepare);
} catch (error) {
  if (!(error instanceof LaunchError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(69);
}
await import(pathToFileURL(join(ROOT, 'dist/apps/cli/main.js')).href);
