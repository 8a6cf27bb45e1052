import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
/** Stamps and the lock: what this checkout has been prepared with. */
export const STATE = join(ROOT, '.local/launch');

/** A reason not to start that a person can act on; printed without a stack. */
export class LaunchError extends Error {}
