// Makes the npm package of the SDK in dist-sdk/ (or the folder given): ESM and CommonJS from libs/sdk/package.ts, types, protos.
// Our own rooms are bundled, other people's packages stay dependencies, at the versions of this repository.
// For pages, libs/sdk/browser.ts becomes one file with everything in it: browser.mjs. It is all that `--browser` makes.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { parseAst } from 'rolldown/parseAst';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BROWSER_ONLY = process.argv.includes('--browser');
const OUT = resolve(process.argv.slice(2).find((given) => !given.startsWith('--')) ?? join(ROOT, 'dist-sdk'));
const project = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

const isOurs = (id) => /^[./#]/.test(id);

/** Writes one form; returns the packages it imports. */
async function bundle(format, file) {
  const build = await rolldown({
    cwd: ROOT,
    input: 'libs/sdk/package.ts',
    platform: 'node',
    resolve: { conditionNames: ['source'] },
    external: (id) => !isOurs(id),
    treeshake: { moduleSideEffects: false },
    tsconfig: false,
  });
  const { output } = await build.write({ format, file: join(OUT, file), exports: 'named' });
  await build.close();
  return output.flatMap((chunk) => chunk.imports ?? []).filter((id) => !id.startsWith('node:'));
}

/** What a page gets of other people's packages; whatever else is imported and used is an error. */
const IN_PAGES = new Set(['viem', 'ox', 'abitype', '@noble/curves', '@noble/hashes', 'zod', '@bufbuild/protobuf', '@scure/base', '@scure/bip32', '@scure/bip39']);

async function browserBundle() {
  const build = await rolldown({
    cwd: ROOT,
    input: 'libs/sdk/browser.ts',
    platform: 'browser',
    resolve: { conditionNames: ['source', 'browser', 'import', 'default'], alias: { '@chainsafe/hashtree': join(ROOT, 'libs/sdk/browser-hashing.ts') } },
    external: (id) => !isOurs(id) && !id.startsWith('/') && id !== '@chainsafe/hashtree' && !IN_PAGES.has(packageOf(id)),
    treeshake: { moduleSideEffects: false },
    tsconfig: false,
  });
  const { output } = await build.write({ format: 'esm', file: join(OUT, 'browser.mjs'), minify: true, codeSplitting: false });
  await build.close();
  const imported = parseAst(output[0].code).body.flatMap((node) => node.source?.value ?? []);
  if (imported.length > 0) throw new Error(`the bundle for pages imports ${imported.join(', ')}`);
}

const packageOf = (id) => id.split('/').slice(0, id.startsWith('@') ? 2 : 1).join('/');

function types() {
  const options = ['--declaration', '--emitDeclarationOnly', '--outDir', join(OUT, 'types'), '--incremental', 'false', '--sourceMap', 'false'];
  const config = join(ROOT, 'tsconfig.sdk.json');
  const { status, stdout } = spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', config, ...options], { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error(stdout);
}

function manifest(dependencies) {
  const entry = { types: './types/libs/sdk/package.d.ts', import: './index.mjs', require: './index.cjs' };
  const browserEntry = { types: './types/libs/sdk/browser.d.ts', default: './browser.mjs' };
  return {
    name: '@assay/sdk',
    version: project.version,
    description: 'AI inference with recourse: submit jobs, hold receipts against the chain, run them again',
    license: project.license,
    engines: project.engines,
    main: './index.cjs',
    module: './index.mjs',
    types: entry.types,
    exports: { '.': { browser: browserEntry, ...entry }, './browser': browserEntry, './receipt.schema.json': './receipt.schema.json', './package.json': './package.json' },
    // What the types call each other by.
    imports: { '#core/*': { types: './types/libs/core/*/index.d.ts' }, '#io/*': { types: './types/libs/io/*/index.d.ts' } },
    sideEffects: false,
    dependencies: Object.fromEntries(dependencies.map((name) => [name, project.dependencies[name]])),
  };
}

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });
await browserBundle();
if (BROWSER_ONLY) process.exit(0);
const imported = new Set([...(await bundle('esm', 'index.mjs')), ...(await bundle('cjs', 'index.cjs'))].map(packageOf));
const unknown = [...imported].filter((name) => !project.dependencies[name]);
if (unknown.length > 0) throw new Error(`not among the dependencies: ${unknown.join(', ')}`);
types();
writeFileSync(join(OUT, 'package.json'), `${JSON.stringify(manifest([...imported].sort()), null, 2)}\n`);
cpSync(join(ROOT, 'proto/assay'), join(OUT, 'proto/assay'), { recursive: true });
for (const [from, to] of [['libs/sdk/README.md', 'README.md'], ['LICENSE', 'LICENSE'], ['docs/receipt.schema.json', 'receipt.schema.json']]) cpSync(join(ROOT, from), join(OUT, to));
console.log(`${OUT}: ${[...imported].sort().join(', ')}`);
