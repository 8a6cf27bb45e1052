import type { PrismaClient } from './generated/client.js';

/** How far readers of chain events have come. */
export class CursorStore {
  constructor(private readonly prisma: PrismaClient) {}

  async read(name: string): Promise<bigint | undefined> {
    return (await this.prisma.cursor.findUnique({ where: { name } }))?.block;
  }

  async write(name: string, block: bigint): Promise<void> {
    await this.prisma.cursor.upsert({ where: { name }, create: { name, block }, update: { block } });
  }
}
