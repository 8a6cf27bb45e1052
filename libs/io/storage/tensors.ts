import { decodeHeader, type Root, type Tensor } from '#core/hashing';
import { AssayError } from '#core/protocol';
import type { PrismaClient } from './generated/client.js';

export class TensorStore {
  constructor(private readonly prisma: PrismaClient) {}

  /**
   * The tensors under these roots, in this order.
   * @throws AssayError DATA_UNAVAILABLE if one is gone
   */
  async byRoots(roots: readonly Root[]): Promise<Tensor[]> {
    const rows = await this.prisma.tensor.findMany({ where: { root: { in: [...roots] } } });
    const found = new Map(rows.map((row) => [row.root, row]));
    return roots.map((root) => {
      const row = found.get(root);
      if (!row) throw new AssayError({ code: 'DATA_UNAVAILABLE', message: 'a tensor is not stored any more', facts: { root } });
      return { ...decodeHeader(row.header as Root), data: new Uint8Array(row.bytes) };
    });
  }
}
