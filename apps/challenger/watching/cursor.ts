import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AssayError } from '#core/protocol';
import { readIfThere, replaceFile } from '#platform';

const schema = z.strictObject({ nextBlock: z.string().regex(/^\d{1,20}$/).transform(BigInt) });

/** The block from which this challenger has to look again after a restart. */
export class BlockCursor {
  private written = -1n;
  private writing: Promise<void> = Promise.resolve();

  private constructor(private readonly file: string) {}

  static async open(dataDir: string): Promise<BlockCursor> {
    await mkdir(dataDir, { recursive: true });
    return new BlockCursor(join(dataDir, 'cursor.json'));
  }

  /** @throws AssayError FILE_UNREADABLE if the file is not a cursor: to begin anew is for a person to decide */
  async read(): Promise<bigint | undefined> {
    const bytes = await readIfThere(this.file);
    if (!bytes) return undefined;
    try {
      return schema.parse(JSON.parse(new TextDecoder().decode(bytes))).nextBlock;
    } catch (cause) {
      throw new AssayError({ code: 'FILE_UNREADABLE', message: 'the cursor file is damaged', facts: { file: this.file }, remedy: 'Remove it to look at every batch again.', cause });
    }
  }

  /** Writes in the order of the calls; the same block again is not written. */
  write(nextBlock: bigint): Promise<void> {
    if (nextBlock === this.written) return this.writing;
    this.written = nextBlock;
    const bytes = new TextEncoder().encode(`${JSON.stringify({ nextBlock: nextBlock.toString() })}\n`);
    this.writing = this.writing.catch(() => undefined).then(() => replaceFile(this.file, bytes));
    return this.writing;
  }
}
