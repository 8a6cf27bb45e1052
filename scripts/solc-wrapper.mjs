#!/usr/bin/env node
// The compiler from npm behind the native compiler's command line, as far as forge uses it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const args = process.argv.slice(2);
const solc = require('solc');

if (args.includes('--version')) {
  const version = solc.version().replace('Emscripten.clang', 'Linux.g++');
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${version}`);
} else if (args.includes('--standard-json')) {
  const file = args[args.indexOf('--standard-json') + 1];
  const input = readFileSync(file && !file.startsWith('-') ? file : 0, 'utf8');
  process.stdout.write(solc.compile(input), () => process.exit(0));
} else {
  console.error(`solc-wrapper: only --version and --standard-json, not ${args.join(' ')}`);
  process.exit(1);
}
