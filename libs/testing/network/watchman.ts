import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../place.js';

let watchman: ChildProcess | undefined;

/**
 * Makes sure that a process does not outlive this one, even if this one is killed: see scripts/watchman.mjs.
 * WHY: one watchman for all, since neither nats-server nor anvil notices that its parent is gone.
 */
export function watchOver(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  watchman ??= startWatchman();
  watchman.stdin?.write(`+${pid}\n`);
  child.once('exit', () => watchman?.stdin?.write(`-${pid}\n`));
}

function startWatchman(): ChildProcess {
  const started = spawn(process.execPath, [join(PROJECT_ROOT, 'scripts/watchman.mjs')], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  started.stdin?.on('error', () => undefined);
  (started.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  started.unref();
  return started;
}
