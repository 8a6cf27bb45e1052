/** A process that compiles each file named and prints, line by line, what came of it and how much memory it has had so far. */
import { existsSync, readFileSync } from 'node:fs';
import { AssayError } from '#core/protocol';
import { compileFile } from '../../apps/cli/model-files.js';

export interface Outcome {
  readonly file: string;
  /** Code of the refusal, or what was thrown instead; empty if the file was compiled. */
  readonly code: string;
  readonly modelId: string;
  readonly ms: number;
  /** Peak of the process's memory, in bytes. */
  readonly peak: number;
}

async function read(file: string): Promise<Pick<Outcome, 'code' | 'modelId'>> {
  try {
    return { code: '', modelId: (await compileFile(file, {})).manifest.modelId };
  } catch (error) {
    return { code: error instanceof AssayError ? error.code : String(error), modelId: '' };
  }
}

/** WHY from /proc: the system's own figure starts with what the parent process had. */
function peakMemory(): number {
  const [, kilobytes] = existsSync('/proc/self/status') ? (/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []) : [];
  return 1024 * Number(kilobytes ?? process.resourceUsage().maxRSS);
}

for (const file of process.argv.slice(2)) {
  const started = performance.now();
  const outcome = await read(file);
  const line: Outcome = { file, ...outcome, ms: performance.now() - started, peak: peakMemory() };
  console.log(JSON.stringify(line));
}
