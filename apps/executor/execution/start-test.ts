import type { Root } from '#core/hashing';
import { AssayError } from '#core/protocol';
import type { Logger } from '#platform';

/** The two methods of a model shelf that the test at start needs. */
export interface StoredModels {
  stored(): Promise<Root[]>;
  with<T>(modelId: Root, work: (model: never) => Promise<T>): Promise<T>;
}

const MAX_TESTED = 8;

/**
 * Loads, and so tests on this machine, the models this process worked with before. Models it meets later are tested when
 * they are first loaded.
 * @throws AssayError SELF_TEST_FAILED naming what differs: such a machine must not work
 */
export async function testStoredModels(models: StoredModels, log: Logger): Promise<void> {
  for (const modelId of (await models.stored()).slice(0, MAX_TESTED)) {
    try {
      await models.with(modelId, async () => undefined);
      log.info({ event: 'model.tested', modelId }, 'this machine computes a stored model as the reference does');
    } catch (error) {
      if (error instanceof AssayError && error.code === 'SELF_TEST_FAILED') throw error;
      log.warn({ event: 'model.unusable', modelId, reason: error instanceof Error ? error.message : String(error) }, 'a stored model cannot be loaded now');
    }
  }
}
