import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { bindMigrationAwareSqlAdapterFactory, type SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import type { SchemaEngine } from '@prisma/schema-engine-wasm/schema_engine_bg';
import { AssayError } from '#core/protocol';

/** WHY declared here: the project's type libraries have no DOM, where TypeScript keeps WebAssembly. */
declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(module: object, imports: Record<string, unknown>): Promise<{ exports: Record<string, unknown> }>;
};

const NO_EXTERNALS = { externalTables: [], externalEnums: [] };

/**
 * Applies the migrations that the database does not have yet, through the driver adapter.
 * WHY: the wasm build of Prisma's schema engine keeps the same bookkeeping and checksums as the native one,
 * works on both databases, and nothing has to be downloaded.
 * @param folder the migrations folder: migration_lock.toml and one folder with migration.sql each
 * @returns the names applied now
 */
export async function migrate(factory: SqlMigrationAwareDriverAdapterFactory, folder: string): Promise<string[]> {
  const engine = await startEngine(factory);
  try {
    const { history } = await engine.diagnoseMigrationHistory({ migrationsList: migrationsIn(folder), optInToShadowDatabase: false, filters: NO_EXTERNALS });
    // WHY: the engine would leave them be, and an older program would work on rows it does not understand.
    if (history && history.diagnostic !== 'databaseIsBehind') throw new Error(`it has migrations of a later version: ${history.unpersistedMigrationNames.join(', ')}`);
    const { appliedMigrationNames } = await engine.applyMigrations({ migrationsList: migrationsIn(folder), filters: NO_EXTERNALS });
    return appliedMigrationNames;
  } catch (cause) {
    throw new AssayError({ code: 'MIGRATION_FAILED', message: `cannot bring the database to this version: ${messageOf(cause)}`, facts: { folder }, cause });
  } finally {
    engine.free();
  }
}

/** The SQL that makes an empty database into the one that the schema file describes: what all migrations together must amount to. */
export async function schemaScript(factory: SqlMigrationAwareDriverAdapterFactory, schema: string): Promise<string> {
  const engine = await startEngine(factory);
  const { stdout } = await engine.diff({
    from: { tag: 'empty' },
    to: { tag: 'schemaDatamodel', files: [{ path: schema, content: readFileSync(schema, 'utf8') }] },
    script: true,
    exitCode: null,
    filters: NO_EXTERNALS,
  });
  engine.free();
  return stdout ?? '';
}

type EngineModule = typeof import('@prisma/schema-engine-wasm/schema_engine_bg');

let engineModule: Promise<EngineModule> | undefined;

async function startEngine(factory: SqlMigrationAwareDriverAdapterFactory): Promise<SchemaEngine> {
  // WHY once: the module's glue code has one place for the instance; a second would pull it from under the first.
  const { SchemaEngine } = await (engineModule ??= loadEngine());
  return SchemaEngine.new({ datamodels: undefined }, () => {}, bindMigrationAwareSqlAdapterFactory(factory));
}

async function loadEngine(): Promise<EngineModule> {
  const glue = await import('@prisma/schema-engine-wasm/schema_engine_bg');
  const folder = dirname(createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg'));
  const module = await WebAssembly.compile(readFileSync(join(folder, 'schema_engine_bg.wasm')));
  const instance = await WebAssembly.instantiate(module, { './schema_engine_bg.js': glue });
  // WHY: the engine hands a panic's message to this global and then never settles; thrown, it ends the process with the reason.
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: { set_message: (message: string) => { throw new AssayError({ code: 'MIGRATION_FAILED', message }); } } });
  glue.__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as (() => void) | undefined)?.();
  return glue;
}

function migrationsIn(folder: string) {
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return {
    baseDir: folder,
    lockfile: { path: 'migration_lock.toml', content: readFileSync(join(folder, 'migration_lock.toml'), 'utf8') },
    shadowDbInitScript: '',
    migrationDirectories: names.sort().map((name) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: readFileSync(join(folder, name, 'migration.sql'), 'utf8') } },
    })),
  };
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
