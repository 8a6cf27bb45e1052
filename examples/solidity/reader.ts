/**
 * A contract that asks for an inference and is called back with the final answer (DigitReader.sol), and a contract that
 * takes the answer as a proof of draft ERC-8274 (ProofVerifier.sol).
 *
 *   assay up
 *   node dist/examples/solidity/reader.js [--digit 0]
 *
 * Here this program carries request and answer; on a network somebody runs `assay relay CONTRACT` for it.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { createWalletClient, encodeAbiParameters, http, toHex, type Abi, type AbiFunction, type AbiParameter, type Hex } from 'viem';
import { inputRootOf } from '../../libs/sdk/package.js';
import { connectChain, consumerAt } from '../../libs/io/chain/index.js';
import { relayRequest } from '../../libs/sdk/index.js';
import { onLocalNetwork, option, type Place } from '../typescript/network.js';

const UNIT = 10n ** 18n;
const PIXELS = 28 * 28;

interface Artifact {
  readonly abi: Abi;
  readonly bytecode: Hex;
}

const artifact = (name: string): Artifact => JSON.parse(readFileSync(`contracts/out/${name}.json`, 'utf8')) as Artifact;

/** Deploys, and calls; the account pays the gas. */
function deployer({ chain, rpcUrl, account }: Place) {
  const wallet = createWalletClient({ account, transport: http(rpcUrl) });
  const mined = async (hash: Hex) => chain.client.waitForTransactionReceipt({ hash });
  return async (name: string, args: readonly unknown[]) => {
    const { abi, bytecode } = artifact(name);
    const { contractAddress } = await mined(await wallet.deployContract({ abi, bytecode, args, chain: null }));
    const address = contractAddress!;
    return {
      address,
      read: (functionName: string, params: readonly unknown[]) => chain.client.readContract({ abi, address, functionName, args: params }),
      write: async (functionName: string, params: readonly unknown[]) => mined(await wallet.writeContract({ abi, address, functionName, args: params, chain: null })),
    };
  };
}

/** How contracts have a claim and its place in a batch. */
function placedType(): AbiParameter {
  const deliver = artifact('IConsumer').abi.find((item) => item.type === 'function' && item.name === 'deliver') as AbiFunction;
  return deliver.inputs.find(({ name }) => name === 'placed')!;
}

await onLocalNetwork(async (place) => {
  const { assay, account, rpcUrl, chain } = place;
  const { vault, batches, disputes } = chain.deployment;
  const network = { vault, batches, disputes };
  const { modelId } = await assay.model({ name: 'mnist' });
  const deploy = deployer(place);
  const reader = await deploy('DigitReader', [network, modelId, UNIT, UNIT]);
  const verifier = await deploy('ProofVerifier', [network]);

  // The contract pays for itself: anybody can fill its balance.
  const paying = await connectChain({ rpcUrl, deployment: chain.deployment, privateKey: toHex(account.getHdKey().privateKey!) });
  await paying.token.mint(account.address, 10n * UNIT);
  await paying.vault.deposit(reader.address, 10n * UNIT);

  const images = gunzipSync(readFileSync('data/digits/images-idx3-ubyte.gz'));
  const at = 16 + Number(option('digit') ?? 0) * PIXELS;
  const asked = await reader.write('read', [toHex(images.subarray(at, at + PIXELS))]);

  const stop = new AbortController();
  const consumer = consumerAt(paying, reader.address);
  const [page] = (await consumer.requests({ fromBlock: asked.blockNumber, pollMs: 200, signal: stop.signal }).next()).value!.found;
  stop.abort();
  const relayed = await relayRequest({ assay, chain: paying, consumer }, page!);
  const again = await relayRequest({ assay, chain: paying, consumer }, page!);

  const [state, digit] = (await reader.read('readings', [page!.jobId])) as [number, number, number];
  const { receipt } = await assay.job(page!.jobId);
  const placed = { claim: receipt!.claim.message, batchId: receipt!.batch!.id, batch: await chain.batches.batch(receipt!.batch!.id), proof: receipt!.batch!.proof };
  const metadata = encodeAbiParameters([{ type: 'bytes32' }, { type: 'uint128' }], [modelId, UNIT]);
  const proof = encodeAbiParameters([placedType()], [placed]);
  const proven = await verifier.read('verify', [inputRootOf(page!.inputs), placed.claim.outputRoot, metadata, proof]);
  const forged = await verifier.read('verify', [inputRootOf(page!.inputs), placed.claim.inputRoot, metadata, proof]);
  return { contract: reader.address, jobId: page!.jobId, state: ['unknown', 'asked', 'read', 'failed'][state], digit, carriedTwice: again !== undefined, retracted: relayed?.retracted, proven, forged, gasToAsk: asked.gasUsed };
});
