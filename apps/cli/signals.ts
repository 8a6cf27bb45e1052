import { EXIT } from './exit-codes.js';

/** Aborts at the first SIGINT, SIGTERM or SIGHUP; a second one ends this process, and the watchman everything it started. */
export function firstSignal(): AbortController {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => (controller.signal.aborted ? process.exit(EXIT.interrupted) : controller.abort()));
  }
  return controller;
}

/** Resolves when the signal aborts; keeps the process alive until then. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
    // WHY: the listener alone does not keep the process alive.
    const alive = setInterval(() => signal.aborted && clearInterval(alive), 1_000);
  });
}
