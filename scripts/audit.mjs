#!/usr/bin/env node
// What we depend on: every package pinned with its hash, every install script known, every direct dependency explained; and, if the
// registry answers, no known vulnerability of high severity. --offline: do not ask the registry. --json: one document.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const read = (file) => readFileSync(join(ROOT, file), 'utf8');
const manifest = JSON.parse(read('package.json'));
const { packages } = JSON.parse(read('package-lock.json'));
const explained = read('docs/dependencies.md');
const ASK_MS = 60_000;

/** WHY: some mirrors lack optional packages of other platforms, and nobody can hash what is not there. */
const isForHere = ({ os, cpu }) => (!os || os.includes(process.platform)) && (!cpu || cpu.includes(process.arch));

/** Everything that can be said without a network. */
function faults() {
  const direct = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  const installed = Object.entries(packages).filter(([path, entry]) => path !== '' && !entry.link);
  const nameOf = (path) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  return [
    ...direct.filter(([, version]) => !/^\d+\.\d+\.\d+/.test(version)).map(([name, version]) => `${name} is not pinned: ${version}`),
    ...direct.filter(([name]) => !name.startsWith('@types/') && !explained.includes(name.split('/').at(-1))).map(([name]) => `${name} is not in docs/dependencies.md`),
    ...installed.filter(([, entry]) => isForHere(entry)).filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => `${path} has no sha512 in the lock file`),
    ...installed.filter(([path, { hasInstallScript }]) => hasInstallScript && !(nameOf(path) in manifest.allowScripts)).map(([path]) => `${path} has an install script that package.json does not decide on`),
  ];
}

/** Known vulnerabilities by severity; undefined if the registry does not say. */
function advisories() {
  const { stdout } = spawnSync('npm', ['audit', '--json', '--omit=dev'], { cwd: ROOT, encoding: 'utf8', timeout: ASK_MS });
  try {
    const { vulnerabilities, metadata } = JSON.parse(stdout);
    return metadata && { counts: metadata.vulnerabilities, grave: Object.values(vulnerabilities).filter(({ severity }) => severity === 'high' || severity === 'critical').map(({ name, severity }) => `${name}: ${severity}`) };
  } catch {
    return undefined;
  }
}

const known = process.argv.includes('--offline') ? undefined : advisories();
const found = [...faults(), ...(known?.grave ?? [])];
const report = { ok: found.length === 0, packages: Object.keys(packages).length - 1, faults: found, advisories: known?.counts ?? 'not asked, or the registry did not answer' };
if (process.argv.includes('--json')) console.log(JSON.stringify(report));
else {
  for (const fault of found) console.log(fault);
  console.log(`${report.packages} packages, ${found.length} faults; advisories: ${typeof report.advisories === 'string' ? report.advisories : JSON.stringify(report.advisories)}`);
}
process.exit(report.ok ? 0 : 1);
