import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';

export interface ProcessLimits {
  /** Bytes its data may take, beyond what the program itself needs; held by the kernel where prlimit is there. */
  readonly memoryBytes: number;
  /** JavaScript objects; tensors lie outside of this heap. */
  readonly heapMb: number;
}

/** What Node.js and its libraries need before any work. */
const PROGRAM_BYTES = 768 * 2 ** 20;
const PRLIMIT = ['/usr/bin/prlimit', '/bin/prlimit'].find((file) => existsSync(file));

/**
 * Starts Node.js for work on what strangers made, with a channel for messages and its complaints on stderr.
 * SAFETY: the environment is empty, so that what runs there never sees a key.
 */
export function startLimited(args: readonly string[], { memoryBytes, heapMb }: ProcessLimits): ChildProcess {
  const program = [process.execPath, `--max-old-space-size=${heapMb}`, ...args];
  const limited = PRLIMIT ? [PRLIMIT, `--data=${memoryBytes + PROGRAM_BYTES}`, '--core=0', ...program] : program;
  return spawn(limited[0]!, limited.slice(1), { env: {}, stdio: ['ignore', 'ignore', 'pipe', 'ipc'], serialization: 'advanced' });
}
