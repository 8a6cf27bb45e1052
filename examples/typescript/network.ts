import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mnemonicToAccount } from 'viem/accounts';
// In a project of your own: from '@assay/sdk' (libs/sdk/README.md).
import { connect, connectChain, readDeployment, type Assay, type Chain } from '../../libs/sdk/package.js';

/** Where `assay up` of the same folder keeps what a submitter needs. */
const SUBMITTER = 2;

export interface Place {
  readonly dir: string;
  readonly assay: Assay;
  readonly chain: Chain;
  readonly rpcUrl: string;
  /** The local network's submitter: it has ether and tokens, and a balance in the vault. */
  readonly account: ReturnType<typeof mnemonicToAccount>;
}

const json = (...path: string[]): any => JSON.parse(readFileSync(join(...path), 'utf8'));

/** Connects to the network that runs in a folder (`--dir`, else .assay), for the length of `work`. */
export async function onLocalNetwork(work: (place: Place) => Promise<unknown>): Promise<void> {
  const dir = option('dir') ?? '.assay';
  const { ports } = json(dir, 'network.json');
  const deployment = await readDeployment(join(dir, 'deployment.json'));
  const account = mnemonicToAccount(json(dir, 'keys.json').mnemonic, { addressIndex: SUBMITTER });
  const rpcUrl = `http://127.0.0.1:${ports.rpc}`;
  const chain = await connectChain({ rpcUrl, deployment });
  const assay = await connect({ url: `127.0.0.1:${ports.grpc}`, deployment, chain, account });
  try {
    console.log(JSON.stringify(await work({ dir, assay, chain, rpcUrl, account }), (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)));
  } finally {
    assay.close();
  }
  process.exit(0);
}

/** The value after --name on the command line. */
export function option(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
}

/** Where the largest is. */
export function argmax(values: ArrayLike<number | bigint>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
