#!/usr/bin/env node
// Compiles the contracts with solc from npm: contracts/out/<Name>.json (abi, bytecode; not committed) and
// libs/io/chain/generated/abis.ts (committed). Skips what has not changed. --check: fail if abis.ts is stale, write nothing.
// --only Disputes: that contract by itself, and nothing else written.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const OUT = join(ROOT, 'contracts/out');
const ABIS = join(ROOT, 'libs/io/chain/generated/abis.ts');

/** What is deployed. Each unit is compiled and cached by itself. */
const UNITS = [
  ['contracts/src/TestToken.sol', 'contracts/src/Vault.sol', 'contracts/src/Batches.sol', 'contracts/src/Disputes.sol'],
  ['contracts/src/Authority.sol'],
  ['contracts/src/Charges.sol', 'contracts/src/Requests.sol', 'contracts/src/Beacons.sol', 'contracts/src/Checks.sol', 'contracts/src/Canaries.sol'],
  ['contracts/src/interfaces/IConsumer.sol', 'contracts/src/consumers/ProofVerifier.sol', 'examples/solidity/DigitReader.sol'],
  ['contracts/src/Steps.sol'],
  ['contracts/src/families/ArithmeticSteps.sol'],
  ['contracts/src/families/ReductionSteps.sol'],
  ['contracts/src/families/MovementSteps.sol'],
  ['contracts/test/ToyStep.sol'],
  ['contracts/test/Float32Harness.sol'],
  ['contracts/test/StepMeter.sol'],
].map((files) => files.filter((file) => existsSync(join(ROOT, file))));
/** No program calls these: Steps does, or tests that read contracts/out. */
const UNCALLED = new Set(['ArithmeticSteps', 'ReductionSteps', 'MovementSteps', 'ToyStep', 'Float32Harness', 'StepMeter', 'ProofVerifier', 'DigitReader']);
const INTERFACES = 'contracts/src/interfaces';

/** Of what is deployed, everywhere: forge compiles its tests with others (foundry.toml), but they deploy this. */
const SETTINGS = {
  evmVersion: 'osaka',
  viaIR: true,
  optimizer: { enabled: true, runs: 2_000 },
  metadata: { bytecodeHash: 'none', appendCBOR: false },
  remappings: ['@openzeppelin/=node_modules/@openzeppelin/'],
};
/** EIP-170 */
const MAX_CODE_BYTES = 24_576;

/** The files and everything they import, by their path from the root, which is the name the remapping gives solc. */
function closure(files) {
  const sources = {};
  const queue = [...files];
  for (let path; (path = queue.pop()) !== undefined; ) {
    if (sources[path]) continue;
    const content = readFileSync(join(ROOT, path), 'utf8');
    sources[path] = { content };
    for (const [, target] of content.matchAll(/^\s*(?:import|\}?\s*from)[^"';]*["']([^"']+)["'];/gms)) {
      queue.push(target.startsWith('.') ? normalize(join(dirname(path), target)) : join('node_modules', target));
    }
  }
  return Object.fromEntries(Object.entries(sources).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function digest(sources) {
  const version = require('solc/package.json').version;
  return createHash('sha256').update(JSON.stringify([version, SETTINGS, sources])).digest('hex');
}

function compile(sources, files, outputs) {
  const selection = Object.fromEntries(files.map((file) => [file, { '*': outputs }]));
  const input = { language: 'Solidity', sources, settings: { ...SETTINGS, outputSelection: selection } };
  const output = JSON.parse(require('solc').compile(JSON.stringify(input)));
  for (const message of output.errors ?? []) {
    if (message.severity !== 'info') console.error(message.formattedMessage);
  }
  if ((output.errors ?? []).some((message) => message.severity === 'error')) process.exit(1);
  return output.contracts;
}

const nameOf = (file) => file.split('/').at(-1).replace(/\.sol$/, '');
const outPath = (file) => join(OUT, `${nameOf(file)}.json`);

/** Artifacts of one unit, from contracts/out if nothing changed since. */
function build(files) {
  const sources = closure(files);
  const hash = digest(sources);
  const known = files.map((file) => (existsSync(outPath(file)) ? JSON.parse(readFileSync(outPath(file), 'utf8')) : {}));
  if (known.every((artifact) => artifact.hash === hash)) return known;
  const started = Date.now();
  const contracts = compile(sources, files, ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object']);
  const artifacts = files.map((file) => artifact(contracts[file][nameOf(file)], nameOf(file), hash));
  console.error(`compiled ${artifacts.map((a) => `${a.name} ${a.size} B`).join(', ')} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
  return artifacts;
}

function artifact(contract, name, hash) {
  const size = contract.evm.deployedBytecode.object.length / 2;
  if (size > MAX_CODE_BYTES) {
    console.error(`${name} has ${size} bytes of code, ${size - MAX_CODE_BYTES} more than a chain accepts (EIP-170)`);
    process.exit(1);
  }
  return { name, hash, size, abi: contract.abi, bytecode: `0x${contract.evm.bytecode.object}` };
}

const signature = (item) => `${item.type} ${item.name ?? ''}(${(item.inputs ?? []).map((input) => input.type).join(',')})`;

/** Sorted, and with every error any of the contracts can raise: a revert travels up through calls. */
function withAllErrors(abi, errors) {
  const items = new Map([...errors, ...abi].map((item) => [signature(item), item]));
  return [...items].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}

function renderAbis(artifacts) {
  const errors = artifacts.flatMap((artifact) => artifact.abi.filter((item) => item.type === 'error'));
  const blocks = artifacts
    .filter((artifact) => !UNCALLED.has(artifact.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, abi }) => `export const ${name[0].toLowerCase()}${name.slice(1)}Abi = ${JSON.stringify(withAllErrors(abi, errors), null, 2)} as const;\n`);
  return `// Generated by scripts/compile-contracts.mjs from contracts/src. Do not edit.\n\n${blocks.join('\n')}`;
}

/** Errors of IStepVerifier, which Disputes passes on. */
function interfaceErrors() {
  const file = `${INTERFACES}/IStepVerifier.sol`;
  return { name: 'StepVerifier', abi: compile(closure([file]), [file], ['abi'])[file].IStepVerifier.abi };
}

function buildAll() {
  const artifacts = UNITS.filter((files) => files.length > 0).flatMap(build);
  return { artifacts, rendered: renderAbis([...artifacts, interfaceErrors()]) };
}

const check = process.argv.includes('--check');
const only = process.argv.includes('--only') && process.argv[process.argv.indexOf('--only') + 1];
const { artifacts, rendered } = only ? { artifacts: build([`contracts/src/${only}.sol`]) } : buildAll();

if (check) {
  if (!existsSync(ABIS) || readFileSync(ABIS, 'utf8') !== rendered) {
    console.error(`${relative(ROOT, ABIS)} is stale: run \`npm run contracts\` and commit it`);
    process.exit(1);
  }
} else {
  for (const directory of [OUT, dirname(ABIS)]) mkdirSync(directory, { recursive: true });
  for (const artifact of artifacts) writeFileSync(join(OUT, `${artifact.name}.json`), `${JSON.stringify(artifact)}\n`);
  if (!only && (!existsSync(ABIS) || readFileSync(ABIS, 'utf8') !== rendered)) writeFileSync(ABIS, rendered);
}
