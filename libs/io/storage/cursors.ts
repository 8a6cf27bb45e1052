import type { PrismaClient } from './generated/client.js';
import { requireHeld, type Fence } from './roles.js';

/** How far readers of chain events have come. */
export class CursorStore {
  constructor(private readonly prisma: PrismaClient) {}

  async read(name: string): Promise<{ readonly block: bigint; readonly hash: string | undefined } | undefined> {
    const row = await this.prisma.cursor.findUnique({ where: { name } });
    return row ? { block: row.block, hash: row.hash ?? undefined } : undefined;
  }

  /** @param hash of the block, to notice later that it is no longer on the chain */
  async write(name: string, block: bigint, { hash = null, fence }: { readonly hash?: string | null; readonly fence?: Fence | undefined } = {}): Promise<void> {
    await this.prisma.$transaction(async (tx) => {
      await requireHeld(tx, fence);
      await tx.cursor.upsert({ where: { name }, create: { name, block, hash }, update: { block, hash } });
    });
  }
}
