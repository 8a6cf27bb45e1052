// Some mirrors lack optional packages for other platforms; npm then leaves them out of the lock file and `npm ci` refuses it.
// Adds them back as entries that no installation on this platform ever fetches. Run after every `npm install`.
import { readFileSync, writeFileSync } from 'node:fs';

const FILE = 'package-lock.json';
const SYSTEMS = ['darwin', 'linux', 'win32', 'freebsd', 'android', 'openbsd', 'netbsd', 'sunos', 'aix', 'openharmony'];
const PROCESSORS = { amd64: 'x64', x64: 'x64', arm64: 'arm64', aarch64: 'arm64', ia32: 'ia32', s390x: 's390x', ppc64: 'ppc64', arm: 'arm', armv7: 'arm', riscv64: 'riscv64', loong64: 'loong64', mips64el: 'mips64el', wasm32: 'wasm32' };

const lock = JSON.parse(readFileSync(FILE, 'utf8'));
const { packages } = lock;

/** True if `name`, as required from the package at `path`, resolves to an entry of the lock. */
function resolves(path, name) {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    if (packages[`${at ? `${at}/` : ''}node_modules/${name}`]) return true;
    if (at === '') return false;
    if (!at.includes('/node_modules/')) at = '';
    if (at === '' && packages[`node_modules/${name}`]) return true;
    if (at === '') return false;
  }
}

let added = 0;
for (const [path, entry] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (resolves(path, name) || !/^\d/.test(version)) continue;
    const words = name.split(/[-/]/);
    const os = SYSTEMS.find((s) => words.includes(s)) ?? (words.includes('windows') ? 'win32' : 'none');
    const cpu = Object.entries(PROCESSORS).find(([word]) => words.includes(word))?.[1];
    packages[`node_modules/${name}`] = { version, ...(cpu && { cpu: [cpu] }), ...(entry.dev && { dev: true }), optional: true, os: [os] };
    added++;
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} optional packages of other platforms added to ${FILE}`);
