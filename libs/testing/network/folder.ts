import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { AssayError } from '#core/protocol';

const port = z.int().min(1).max(65_535);
const runningSchema = z.object({
  pid: z.int(),
  startedAt: z.string(),
  /** Pages call `web`. The inference ports are those of the gateway, if there is one. */
  ports: z.object({ grpc: port, web: port.optional(), rpc: port, nats: port, inferenceGrpc: port.optional(), inferenceHttp: port.optional() }),
  executors: z.int().min(1),
  challengers: z.int().min(0),
});

/** What `network.json` says about the network that runs, or last ran, in a folder. */
export type NetworkRecord = z.infer<typeof runningSchema>;

/** The one folder that holds everything of a local network. */
export class NetworkFolder {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = resolve(dir);
  }

  readonly path = (...parts: string[]): string => join(this.dir, ...parts);

  get keys(): string {
    return this.path('keys.json');
  }

  get deployment(): string {
    return this.path('deployment.json');
  }

  log(name: string): string {
    return this.path('logs', `${name}.log`);
  }

  /** undefined if no network ever ran here. */
  record(): NetworkRecord | undefined {
    const file = this.path('network.json');
    if (!existsSync(file)) return undefined;
    try {
      return runningSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    } catch (cause) {
      throw new AssayError({ code: 'FILE_UNREADABLE', message: `${file} is not what a local network writes`, facts: { file }, remedy: 'Use another folder: --dir.', cause });
    }
  }

  write(record: NetworkRecord): void {
    writeFileSync(this.path('network.json'), `${JSON.stringify(record, null, 2)}\n`);
  }

  /** Id of the process that runs the network here now. */
  get holder(): number | undefined {
    return holderOf(this.path('lock'));
  }

  /** Takes the folder for this process; the returned function gives it back. @throws AssayError NETWORK_RUNNING */
  lock(): () => void {
    mkdirSync(this.dir, { recursive: true });
    const file = this.path('lock');
    const holder = holderOf(file);
    if (holder !== undefined) throw new AssayError({ code: 'NETWORK_RUNNING', facts: { dir: this.dir, pid: holder } });
    rmSync(file, { force: true });
    try {
      writeFileSync(file, String(process.pid), { flag: 'wx' });
    } catch (cause) {
      throw new AssayError({ code: 'NETWORK_RUNNING', facts: { dir: this.dir, pid: holderOf(file) ?? 'unknown' }, cause });
    }
    return () => rmSync(file, { force: true });
  }
}

/** Process id in the lock file, if that process lives. */
function holderOf(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    if (!pid) return undefined;
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? Number(readFileSync(file, 'utf8')) : undefined;
  }
}
