import { AssayError } from '#core/protocol';
import { Prisma, type PrismaClient } from './generated/client.js';

/** Proof of holding a role: every takeover gives a higher token. */
export interface Fence {
  readonly role: string;
  readonly token: bigint;
}

/**
 * Who does what only one process may do at a time.
 * INVARIANT: an effect under a role has `holds(fence)` in its own statement or transaction, so that a process that was taken for dead
 * and wakes up changes nothing. Time is the database's, for all alike.
 */
export class RoleStore {
  constructor(private readonly prisma: PrismaClient) {}

  /** Takes the role if it is free, or keeps it for `ttlMs` more. Undefined while another holds it. */
  async hold(role: string, { holder, ttlMs }: { readonly holder: string; readonly ttlMs: number }): Promise<Fence | undefined> {
    const now = Prisma.sql`(clock_timestamp() AT TIME ZONE 'utc')`;
    const until = Prisma.sql`${now} + ${ttlMs} * interval '1 millisecond'`;
    const [row] = await this.prisma.$queryRaw<{ token: bigint }[]>`
      INSERT INTO "Role" (name, holder, token, until) VALUES (${role}, ${holder}, 1, ${until})
      ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until, token = CASE WHEN "Role".holder = excluded.holder THEN "Role".token ELSE "Role".token + 1 END
      WHERE "Role".holder = excluded.holder OR "Role".until < ${now} RETURNING token`;
    return row && { role, token: row.token };
  }

  /** Leaves the role to whoever asks next. */
  async leave(role: string, holder: string): Promise<void> {
    await this.prisma.role.updateMany({ where: { name: role, holder }, data: { until: new Date(0) } });
  }

  async holderOf(role: string): Promise<string | undefined> {
    return (await this.prisma.role.findUnique({ where: { name: role } }))?.holder;
  }
}

/** A condition. WHY it locks the row: a takeover waits for the effect's commit, or the effect sees the takeover. */
export function holds(fence: Fence | undefined): Prisma.Sql {
  if (!fence) return Prisma.sql`true`;
  return Prisma.sql`EXISTS (SELECT 1 FROM (SELECT 1 FROM "Role" WHERE name = ${fence.role} AND token = ${fence.token} FOR SHARE) AS fence)`;
}

/** @throws AssayError STATE_CONFLICT if another process has taken the role over; locks it until the transaction ends */
export async function requireHeld(tx: Pick<PrismaClient, '$queryRaw'>, fence: Fence | undefined): Promise<void> {
  if (!fence) return;
  const [row] = await tx.$queryRaw<{ held: boolean }[]>(Prisma.sql`SELECT ${holds(fence)} AS held`);
  if (!row?.held) throw new AssayError({ code: 'STATE_CONFLICT', message: 'another process has taken over', facts: { ...fence } });
}
