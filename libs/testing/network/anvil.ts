import { createRequire } from 'node:module';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AssayError } from '#core/protocol';
import { LOCAL_CHAIN_ID } from '#io/chain';
import { PROJECT_ROOT } from '../place.js';
import { startChild, type Child, type ChildOptions } from './child.js';
import { answers, freePort } from './ports.js';

export interface AnvilOptions {
  readonly port: number;
  readonly host?: string;
  readonly logFile: string;
  /** The chain is kept here, also over SIGKILL (at most two seconds old then); nowhere if left out. */
  readonly stateFile?: string;
  /** Whose accounts hold ether from the start. */
  readonly mnemonic?: string;
  readonly accounts?: number;
}

/**
 * A real EVM node. Transactions are mined at once and a block comes every second anyway, so that
 * confirmations, beacons and clocks move when nobody sends anything.
 */
export function anvilProcess(options: AnvilOptions): ChildOptions {
  if (options.stateFile) mkdirSync(dirname(options.stateFile), { recursive: true });
  const { host = '127.0.0.1' } = options;
  const args = ['--host', host, '--port', options.port, '--chain-id', LOCAL_CHAIN_ID, '--quiet', '--block-time', 1, '--mixed-mining', '--enable-tx-gas-limit'];
  if (options.stateFile) args.push('--state', options.stateFile, '--state-interval', 2);
  if (options.mnemonic) args.push('--mnemonic', options.mnemonic);
  if (options.accounts) args.push('--accounts', options.accounts);
  return { name: 'chain', command: anvilBinary(), args: args.map(String), logFile: options.logFile, probe: () => answers(options.port, host) };
}

/** WHY: the program itself, not the package's Node front, so that signals and process ids are the chain's own. */
function anvilBinary(): string {
  const require = createRequire(join(PROJECT_ROOT, 'package.json'));
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const name = `@foundry-rs/anvil-${process.platform}-${arch}`;
  try {
    return join(dirname(require.resolve(`${name}/package.json`)), 'bin', process.platform === 'win32' ? 'anvil.exe' : 'anvil');
  } catch (cause) {
    throw new AssayError({ code: 'TOOL_MISSING', message: `anvil has no build for ${process.platform} ${process.arch}`, facts: { package: name, command: 'npm ci' }, cause });
  }
}

export interface RunningAnvil extends Child {
  readonly rpcUrl: string;
}

/** A chain by itself, for tests of what talks to one; anvil's usual accounts hold ether. The caller stops it. */
export async function startAnvil(options: Omit<AnvilOptions, 'port'>): Promise<RunningAnvil> {
  const port = await freePort();
  return { ...(await startChild(anvilProcess({ ...options, port }))), rpcUrl: `http://127.0.0.1:${port}` };
}
