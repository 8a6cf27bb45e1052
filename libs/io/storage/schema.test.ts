import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { PrismaPGlite } from 'pglite-prisma-adapter';
import { describe, expect, it } from 'vitest';
import { JOB_STATES } from '#core/protocol';
import { PROJECT_ROOT } from '#testing';
import { JobState } from './generated/enums.js';
import { migrate, schemaScript } from './migration.js';

const MIGRATIONS = join(PROJECT_ROOT, 'prisma/migrations');
const SCHEMA = join(PROJECT_ROOT, 'prisma/schema.prisma');

/** Tables, columns, indexes and constraints as the database itself lists them. */
async function structureOf(database: PGlite): Promise<unknown> {
  const columns = await database.query(`SELECT table_name, column_name, data_type, udt_name, is_nullable, column_default, numeric_precision, datetime_precision
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_prisma%' ORDER BY 1, 2`);
  const indexes = await database.query(`SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE '\\_prisma%' ORDER BY 1, 2`);
  const constraints = await database.query(`SELECT conrelid::regclass::text AS "table", conname, pg_get_constraintdef(oid) AS rule FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE '%\\_prisma%' ORDER BY 1, 2`);
  const enums = await database.query(`SELECT typname, enumlabel FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid ORDER BY 1, enumsortorder`);
  return { columns: columns.rows, indexes: indexes.rows, constraints: constraints.rows, enums: enums.rows };
}

describe('the schema', () => {
  it('is what the migrations together amount to', async () => {
    const [migrated, direct] = await Promise.all([PGlite.create(), PGlite.create()]);
    await migrate(new PrismaPGlite(migrated), MIGRATIONS);
    await direct.exec(await schemaScript(new PrismaPGlite(direct), SCHEMA));
    expect(await structureOf(migrated)).toEqual(await structureOf(direct));
    await Promise.all([migrated.close(), direct.close()]);
  }, 120_000);

  it('has the job states of the lifecycle table', () => {
    expect(Object.values(JobState)).toEqual([...JOB_STATES]);
  });

  it('is applied once', async () => {
    const database = await PGlite.create();
    const first = await migrate(new PrismaPGlite(database), MIGRATIONS);
    expect(first).toContain('0001_init');
    expect(await migrate(new PrismaPGlite(database), MIGRATIONS)).toEqual([]);
    await database.close();
  }, 120_000);
});
