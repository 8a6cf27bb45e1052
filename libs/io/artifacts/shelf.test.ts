import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256, toHex } from 'viem';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Root } from '#core/hashing';
import { ModelShelf, type Loaded } from './index.js';

const file = (n: number) => Uint8Array.of(n, n, n);
const idOf = (bytes: Uint8Array): Root => sha256(toHex(bytes));
let dir: string;
let fetched: Root[];
let closed: Root[];
let served: Map<Root, Uint8Array>;

/** A model whose id is its file's hash: the whole of what the shelf relies on. */
function shelf(maxLoaded = 2) {
  return new ModelShelf<Loaded>(
    {
      fetch: async (modelId) => {
        fetched.push(modelId);
        const bytes = served.get(modelId);
        if (!bytes) throw new Error('not served');
        return bytes;
      },
      load: async (bytes) => ({ modelId: idOf(bytes), close: async () => void closed.push(idOf(bytes)) }),
    },
    { dir, maxLoaded },
  );
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'assay-shelf-'));
  [fetched, closed] = [[], []];
  served = new Map([1, 2, 3].map((n) => [idOf(file(n)), file(n)]));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const [a, b, c] = [1, 2, 3].map((n) => idOf(file(n))) as [Root, Root, Root];
const use = (models: ModelShelf<Loaded>, id: Root) => models.with(id, async (model) => model.modelId);

describe('ModelShelf', () => {
  it('fetches once for any number of users, and never again once on disk', async () => {
    const models = shelf();
    expect(await Promise.all([use(models, a), use(models, a), use(models, a)])).toEqual([a, a, a]);
    expect(await use(shelf(), a)).toBe(a);
    expect(await shelf().stored()).toEqual([a]);
    expect(fetched).toEqual([a]);
    expect(readdirSync(dir)).toEqual([`${a}.onnx`]);
  });

  it('closes the longest unused, never one in use', async () => {
    const models = shelf(1);
    await models.with(a, async () => {
      await use(models, b);
      expect(closed).toEqual([b]);
      await use(models, c);
      expect(closed).toEqual([b, c]);
    });
    expect(models.loaded).toEqual([a]);
    await models.close();
    expect(closed).toEqual([b, c, a]);
  });

  it('refuses a model that has another id, and forgets the failure', async () => {
    const models = shelf();
    served.set(a, file(9));
    await expect(use(models, a)).rejects.toMatchObject({ code: 'MODEL_ID_MISMATCH' });
    served.set(a, file(1));
    expect(await use(models, a)).toBe(a);
  });

  it('fetches again what was damaged on disk', async () => {
    await use(shelf(), a);
    writeFileSync(join(dir, `${a}.onnx`), file(9));
    expect(await use(shelf(), a)).toBe(a);
    expect(fetched).toEqual([a, a]);
  });
});
