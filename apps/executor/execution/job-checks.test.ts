import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesToHex, createTestClient, http, type Hex } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { jobIdOf, type Job, type Request } from '#core/protocol';
import { connectChain, deployContracts, LOCAL_PARAMETERS, type Chain } from '#io/chain';
import { startAnvil, type RunningAnvil } from '#testing';
import { checkJob } from './job-checks.js';

const MNEMONIC = 'test test test test test test test test test test test junk';
const WALLET = '0x00000000000000000000000000000000000a55a1';
/** What a contract at the submitter's address does when it is asked whether it signed, as its code. */
const CODES = {
  'says yes': '0x631626ba7e60e01b60005260206000f3',
  'says no': '0x60206000f3',
  reverts: '0x60006000fd',
  'never ends': '0x5b600056',
  'says something long': '0x6201000060003460005260206000f3',
  'is not there': '0x',
} as const;
const NOW = Date.UTC(2026, 10, 21);

let dir: string;
let anvil: RunningAnvil;
let chain: Chain;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'assay-1271-'));
  anvil = await startAnvil({ logFile: join(dir, 'anvil.log'), mnemonic: MNEMONIC, accounts: 2 });
  const [deployer, executor] = [0, 1].map((addressIndex) => mnemonicToAccount(MNEMONIC, { addressIndex }));
  const deployment = await deployContracts({ rpcUrl: anvil.rpcUrl, privateKey: bytesToHex(deployer!.getHdKey().privateKey!), parameters: LOCAL_PARAMETERS, coordinators: [deployer!.address] });
  chain = await connectChain({ rpcUrl: anvil.rpcUrl, deployment, account: executor!.address });
}, 120_000);
afterAll(async () => {
  await anvil?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** A job of a contract: nothing but its word is the signature. */
function job(): Job {
  const root: Hex = `0x${'ab'.repeat(32)}`;
  const request: Request = { submitter: WALLET, modelId: root, inputRoot: root, maxFee: 5n, insuredValue: 0n, deadline: BigInt(NOW / 1000 + 60), nonce: 1n, verification: 0, redundancy: 1 };
  return { jobId: jobIdOf(chain.network, request), request, requestSignature: '0x', coordinator: WALLET, fee: 5n, leaseUntil: NOW + 1_000, inputs: [] };
}

const checked = () => checkJob(job(), { network: chain.network, now: NOW, contractSigned: chain.contractSigned });

it.each(Object.entries(CODES))('an executor takes the word of the submitter’s contract, and of nothing else (ERC-1271): one that %s', async (what, code) => {
  await createTestClient({ mode: 'anvil', transport: http(anvil.rpcUrl) }).setCode({ address: WALLET, bytecode: code });
  if (what === 'says yes') await checked();
  else await expect(checked()).rejects.toMatchObject({ code: 'REQUEST_SIGNATURE_INVALID', facts: { submitter: WALLET } });
}, 60_000);

it('where the chain does not answer, nothing is said about the signature: the job may be given to another', async () => {
  await anvil.stop();
  await expect(checked()).rejects.toMatchObject({ code: 'CHAIN_UNREACHABLE' });
}, 120_000);
