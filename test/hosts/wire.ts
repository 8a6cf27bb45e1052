import { spawnSync } from 'node:child_process';
import type { ChildOptions } from '../../libs/testing/network/child.js';

export const HOSTS = ['a', 'b', 'c'] as const;
export type HostName = (typeof HOSTS)[number];

const HOST_NAME = /^assay-(\d+)-[a-z]$/;
const BRIDGE_NAME = /^as(\d+)br$/;
/** 198.18.0.0/15 is kept for tests between hosts (RFC 2544), so nothing real is hidden by it. */
const NETWORK = '198.18';

/** Why no hosts can be made here; undefined if they can. */
export function noHosts(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are Linux’s';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const [space, bridge, plug] = [`assay-${process.pid}-x`, `as${process.pid}xb`, `as${process.pid}x`];
  try {
    ip('netns', 'add', space);
    ip('link', 'add', bridge, 'type', 'bridge');
    ip('link', 'add', plug, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space);
  } catch (error) {
    return (error as Error).message;
  } finally {
    for (const made of [['link', 'del', plug], ['link', 'del', bridge], ['netns', 'del', space]]) spawnSync('ip', made);
  }
  return undefined;
}

/**
 * Three hosts with addresses of their own on one wire: a network namespace each, joined by a bridge. The system itself has an address
 * on the wire too and stands for the outside. What an earlier process left behind is removed first.
 */
export class Wire {
  private readonly cuts = new Set<HostName>();
  private readonly walls = new Set<string>();

  private constructor(private readonly subnet: number) {}

  static lay(): Wire {
    removeLeftovers();
    const wire = new Wire(freeSubnet());
    process.once('exit', () => wire.remove());
    try {
      ip('link', 'add', wire.bridge, 'type', 'bridge');
      ip('addr', 'add', `${wire.outside}/24`, 'dev', wire.bridge);
      ip('link', 'set', wire.bridge, 'up');
      for (const host of HOSTS) wire.plug(host);
      return wire;
    } catch (error) {
      wire.remove();
      throw error;
    }
  }

  get outside(): string {
    return `${NETWORK}.${this.subnet}.1`;
  }

  address(host: HostName): string {
    return `${NETWORK}.${this.subnet}.${HOSTS.indexOf(host) + 2}`;
  }

  /** The same process, on a host. */
  on(host: HostName, { command, args, ...options }: ChildOptions): ChildOptions {
    return { ...options, command: 'ip', args: ['netns', 'exec', spaceOf(host), command, ...args] };
  }

  /** Nothing comes or goes; nobody is told. */
  cut(host: HostName): void {
    this.cuts.add(host);
    ip('link', 'set', plugOf(host), 'down');
  }

  /** What one sends to the other does not arrive; both still reach everybody else. */
  wall(from: HostName, to: HostName): void {
    this.walls.add(`${from}${to}`);
    ip('-n', spaceOf(from), 'route', 'add', 'blackhole', `${this.address(to)}/32`);
  }

  heal(): void {
    for (const host of this.cuts) ip('link', 'set', plugOf(host), 'up');
    for (const [from, to] of [...this.walls].map((pair) => [...pair] as HostName[])) ip('-n', spaceOf(from!), 'route', 'del', 'blackhole', `${this.address(to!)}/32`);
    this.cuts.clear();
    this.walls.clear();
  }

  remove(): void {
    removeHosts(process.pid);
  }

  private get bridge(): string {
    return `as${process.pid}br`;
  }

  private plug(host: HostName): void {
    const space = spaceOf(host);
    ip('netns', 'add', space);
    ip('link', 'add', plugOf(host), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space);
    ip('link', 'set', plugOf(host), 'master', this.bridge, 'up');
    ip('-n', space, 'addr', 'add', `${this.address(host)}/24`, 'dev', 'eth0');
    for (const device of ['lo', 'eth0']) ip('-n', space, 'link', 'set', device, 'up');
  }
}

const spaceOf = (host: string, pid = process.pid) => `assay-${pid}-${host}`;
const plugOf = (host: HostName) => `as${process.pid}${host}`;

function ip(...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
  return stdout;
}

function freeSubnet(): number {
  const taken = ip('-4', '-o', 'addr');
  const subnet = Array.from({ length: 256 }, (_, i) => (process.pid + i) % 256).find((n) => !taken.includes(`${NETWORK}.${n}.`));
  if (subnet === undefined) throw new Error(`every subnet of ${NETWORK}.0.0/16 is taken`);
  return subnet;
}

/** Of processes that were killed before they could clean up. */
function removeLeftovers(): void {
  const names = [...ip('netns', 'list').matchAll(/^assay-\d+-[a-z]/gm)].map(([name]) => HOST_NAME.exec(name)![1]);
  const bridges = [...ip('-o', 'link').matchAll(/^\d+: ([^:@]+)/gm)].flatMap(([, name]) => BRIDGE_NAME.exec(name!)?.[1] ?? []);
  for (const pid of new Set([...names, ...bridges].map(Number))) if (!lives(pid)) removeHosts(pid);
}

/** SAFETY: ends only what runs in namespaces that a process of this test made. */
function removeHosts(pid: number): void {
  for (const host of HOSTS) {
    const space = spaceOf(host, pid);
    for (const left of spawnSync('ip', ['netns', 'pids', space], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean)) spawnSync('kill', ['-9', left]);
    spawnSync('ip', ['netns', 'del', space]);
    // WHY also by hand: the namespace, and its end of the link, stay until the last process in it is reaped.
    spawnSync('ip', ['link', 'del', `as${pid}${host}`]);
  }
  spawnSync('ip', ['link', 'del', `as${pid}br`]);
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
