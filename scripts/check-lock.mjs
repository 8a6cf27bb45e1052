// Fails if `npm ci` would refuse package-lock.json: a dependency of package.json that the lock does not have in this version.
import { readFileSync } from 'node:fs';

const wanted = JSON.parse(readFileSync('package.json', 'utf8'));
const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const faults = [];

for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies']) {
  for (const [name, range] of Object.entries(wanted[kind] ?? {})) {
    if (!/^\d/.test(range)) faults.push(`${name}: ${range} is not an exact version`);
    if (packages[''][kind]?.[name] !== range) faults.push(`${name}: package.json says ${range}, the lock ${packages[''][kind]?.[name]}`);
    if (packages[`node_modules/${name}`]?.version !== range) faults.push(`${name}: the lock installs ${packages[`node_modules/${name}`]?.version}`);
  }
}

for (const fault of faults) console.error(fault);
process.exit(faults.length > 0 ? 1 : 0);
