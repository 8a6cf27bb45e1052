/**
 * What does a job cost on chain? A batch of 1,024 jobs with ten executors, on the real contracts on anvil.
 *
 *   npm run bench:gas [-- --json] [-- --save]      --save writes bench/results/gas.md and gas.json
 *
 * commit: the transaction that posts a root alone. exposure: what ten executors' fees and insured value add to it.
 * charging: what the submitters' charges add, shared by the batches they are for. collection: one transaction for all ten
 * executors, shared by the batches it is for. finality needs no transaction. Accounts are in their steady state: words
 * that have been written before.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createTestClient, http, keccak256, numberToHex, type Address, type Hex } from 'viem';
import { connectChain, deployContracts, LOCAL_PARAMETERS, type Chain } from '#io/chain';
import { PROJECT_ROOT, startAnvil } from '#testing';

const KEYS: readonly [Hex, Hex] = ['0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80', '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'];
const UNIT = 10n ** 18n;
const FEE = UNIT / 1_000n;
const JOBS = 1_024;
const EXECUTORS = 10;
const SUBMITTERS = [1, 10, 100, 1_024];
const CHARGED_EVERY = 8;
const COLLECTED_EVERY = 16;
const TARGETS = { commit: 60, allIn: 150 };

type Amounts = { fees: bigint; insuredValue: bigint };
const account = (kind: number, i: number): Address => numberToHex(BigInt(keccak256(numberToHex(kind * 10_000 + i, { size: 32 }))) >> 96n, { size: 20 });
const executors = Array.from({ length: EXECUTORS }, (_, i) => account(1, i));

async function fund(chain: Chain): Promise<void> {
  await chain.token.mint(chain.account!, 10_000_000n * UNIT);
  await chain.token.approve(chain.vault.address, 10_000_000n * UNIT);
  const people = Array.from({ length: Math.max(...SUBMITTERS) }, (_, i) => account(2, i));
  await Promise.all(people.map((submitter) => chain.vault.credit(submitter, 20n * UNIT)));
  await chain.vault.credit(chain.account!, 100_000n * UNIT);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, save: { type: 'boolean', default: false } } });
  const anvil = await startAnvil({ logFile: join(mkdtempSync(join(tmpdir(), 'assay-gas-')), 'chain.log') });
  try {
    const report = await measure(anvil.rpcUrl);
    console.log(values.json ? JSON.stringify(report, null, 2) : text(report));
    if (values.save) save(report);
    if (!report.ok) process.exitCode = 1;
  } finally {
    await anvil.stop();
  }
}

async function measure(rpcUrl: string) {
  const parameters = { ...LOCAL_PARAMETERS, batches: { ...LOCAL_PARAMETERS.batches, challengeWindow: 1_000n } };
  const deployment = await deployContracts({ rpcUrl, privateKey: KEYS[0], parameters });
  const chain = await connectChain({ rpcUrl, deployment, privateKey: KEYS[0], pollMs: 25 });
  const clock = createTestClient({ mode: 'anvil', transport: http(rpcUrl) });
  const pass = async (seconds: number) => {
    await clock.increaseTime({ seconds });
    await clock.mine({ blocks: 1 });
  };
  await fund(chain);
  await chain.batches.join(chain.account!, 50_000n * 10n ** 6n, 1_000n * 10n ** 6n);
  const post = async (given: { amounts?: Amounts; submitters?: number; charge?: bigint }, n: number) => {
    const totals = given.amounts ? executors.map((executor) => ({ executor, ...given.amounts! })) : [];
    const charges = Array.from({ length: given.submitters ?? 0 }, (_, i) => ({ submitter: account(2, i), amount: given.charge! / BigInt(given.submitters!) }));
    const { receipt } = await chain.batches.commit({ root: keccak256(numberToHex(n, { size: 32 })), count: JOBS, totals, charges });
    return Number(receipt.gasUsed);
  };
  const amounts = { fees: (FEE * BigInt(JOBS)) / BigInt(EXECUTORS), insuredValue: 0n };
  const charge = FEE * BigInt(JOBS) * BigInt(CHARGED_EVERY);
  await stakeAll(chain, rpcUrl);
  const insured = { ...amounts, insuredValue: UNIT };
  await post({ amounts: insured, submitters: 1_024, charge }, 1);
  await pass(2_000);
  await chain.batches.collect(executors);
  await chain.batches.sweep(chain.account!);
  await post({ amounts: insured, submitters: 1_024, charge }, 2);
  const bare = await post({}, 3);
  const exposed = await post({ amounts: insured }, 4);
  const charged: Record<number, number> = {};
  for (const submitters of SUBMITTERS) charged[submitters] = await post({ amounts: insured, submitters, charge }, 10 + submitters);
  await pass(2_000);
  const collection = Number((await chain.batches.collect(executors)).receipt.gasUsed);
  const per = (gas: number) => Math.round((gas / JOBS) * 10) / 10;
  const rows = SUBMITTERS.map((submitters) => {
    const parts = { commit: per(bare), exposure: per(exposed - bare), finality: 0, charging: per((charged[submitters]! - exposed) / CHARGED_EVERY), collection: per(collection / COLLECTED_EVERY) };
    return { submitters, ...parts, allIn: per(exposed + (charged[submitters]! - exposed) / CHARGED_EVERY + collection / COLLECTED_EVERY) };
  });
  const usual = rows.find((row) => row.submitters === 10)!;
  return { jobs: JOBS, executors: EXECUTORS, chargedEvery: CHARGED_EVERY, collectedEvery: COLLECTED_EVERY, gas: { rootAlone: bare, withExecutors: exposed, withCharges: charged, collection }, rows, targets: TARGETS, ok: usual.commit <= TARGETS.commit && usual.allIn <= TARGETS.allIn };
}

/** WHY impersonated: stake is an executor's own to post, and the ten have no keys here. */
async function stakeAll(chain: Chain, rpcUrl: string): Promise<void> {
  const test = createTestClient({ mode: 'anvil', transport: http(rpcUrl) });
  const { encodeFunctionData } = await import('viem');
  const { vaultAbi } = await import('#io/chain');
  for (const executor of executors) {
    await chain.vault.credit(executor, 1_000n * UNIT);
    await test.impersonateAccount({ address: executor });
    await test.setBalance({ address: executor, value: UNIT });
    await test.request({ method: 'eth_sendTransaction', params: [{ from: executor, to: chain.vault.address, data: encodeFunctionData({ abi: vaultAbi, functionName: 'stake', args: [1_000n * UNIT] }) }] } as never);
  }
}

function text({ rows, gas, ok }: Awaited<ReturnType<typeof measure>>): string {
  const head = 'submitters  commit  exposure  finality  charging  collection  all in   (gas a job)';
  const line = (row: (typeof rows)[number]) => [row.submitters, row.commit, row.exposure, row.finality, row.charging, row.collection, row.allIn].map((n, i) => String(n).padStart([10, 7, 9, 9, 9, 11, 7][i]!)).join(' ');
  const notes = [
    `${JOBS} jobs, ${EXECUTORS} executors; charged every ${CHARGED_EVERY} batches, collected every ${COLLECTED_EVERY}`,
    `transactions: root alone ${gas.rootAlone}, with executors ${gas.withExecutors}, collection ${gas.collection}`,
    `targets at 10 submitters: commit ≤ ${TARGETS.commit}, all in ≤ ${TARGETS.allIn}: ${ok ? 'held' : 'MISSED'}`,
  ];
  return [head, ...rows.map(line), '', ...notes].join('\n');
}

function save(report: Awaited<ReturnType<typeof measure>>): void {
  const folder = join(PROJECT_ROOT, 'bench/results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'gas.json'), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(join(folder, 'gas.md'), `# What a job costs on chain\n\n\`npm run bench:gas -- --save\`, ${new Date().toISOString().slice(0, 10)}.\n\n\`\`\`\n${text(report)}\n\`\`\`\n`);
}

await main();
