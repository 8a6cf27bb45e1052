#!/usr/bin/env node
// Verifies an Assay receipt, version 1, against a chain. Written from docs/protocol.md alone: it imports nothing of Assay.
//   verify-receipt.mjs RECEIPT.json --rpc URL --deployment DEPLOYMENT.json
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { concat, createPublicClient, encodeAbiParameters, getAddress, getAbiItem, hashTypedData, http, keccak256, parseAbi, recoverAddress } from 'viem';

const ABI = parseAbi([
  'struct Batch { bytes32 root; address coordinator; uint32 count; uint64 committedBlock; uint64 committedAt; uint32 challengeWindow; uint16 beaconDelay; uint40 sampleRate; uint64 chargedFrom; bytes32 charges; bytes32 totals; }',
  'event BatchCommitted(uint256 indexed batchId, address indexed coordinator, Batch batch, uint256[] totals, uint256[] charges)',
  'function batchHash(uint256) view returns (bytes32)',
  'function overturned(bytes32) view returns (bool)',
  'function unanswered(uint256) view returns (uint256)',
  'function isValidSignature(bytes32, bytes) view returns (bytes4)',
]);

/** Fields of the signed messages in their order: [name, type]. */
const REQUEST = [
  ['submitter', 'address'], ['modelId', 'bytes32'], ['inputRoot', 'bytes32'], ['maxFee', 'uint128'], ['insuredValue', 'uint128'],
  ['deadline', 'uint64'], ['nonce', 'uint64'], ['verification', 'uint8'], ['redundancy', 'uint8'],
];
const CLAIM = [
  ['jobId', 'bytes32'], ['modelId', 'bytes32'], ['inputRoot', 'bytes32'], ['outputRoot', 'bytes32'],
  ['executor', 'address'], ['coordinator', 'address'], ['fee', 'uint128'], ['insuredValue', 'uint128'],
];

class Malformed extends Error {}
class Unreachable extends Error {}

function demand(condition, message) {
  if (!condition) throw new Malformed(message);
}

function exactly(object, keys, where) {
  demand(typeof object === 'object' && object !== null && !Array.isArray(object), `${where} is not an object`);
  for (const key of keys) demand(Object.hasOwn(object, key), `${where}.${key} is missing`);
  for (const key of Object.keys(object)) demand(keys.includes(key), `${where}.${key} is not part of a receipt`);
}

const isHex = (value, bytes) => typeof value === 'string' && new RegExp(`^0x([0-9a-fA-F]{2}){${bytes}}$`).test(value);

function fieldOf(value, type, where) {
  if (type === 'address') demand(isHex(value, '20'), `${where} is not an address`);
  else if (type === 'bytes32') demand(isHex(value, '32'), `${where} is not 32 bytes of hex`);
  else if (type === 'uint8') demand(Number.isInteger(value) && value >= 0 && value < 256, `${where} is not a small whole number`);
  else demand(typeof value === 'string' && /^\d{1,39}$/.test(value) && BigInt(value) < 2n ** BigInt(type.slice(4)), `${where} is not a ${type} in decimal`);
  return type === 'uint64' || type === 'uint128' ? BigInt(value) : type === 'address' || type === 'bytes32' ? value.toLowerCase() : value;
}

function signed(part, fields, where) {
  exactly(part, ['message', 'signature'], where);
  exactly(part.message, fields.map(([name]) => name), `${where}.message`);
  demand(isHex(part.signature, '0,4096'), `${where}.signature is not hex`);
  return { signature: part.signature, message: Object.fromEntries(fields.map(([name, type]) => [name, fieldOf(part.message[name], type, `${where}.message.${name}`)])) };
}

/** The receipt with whole numbers as bigints and hex in lower case. */
function parse(text) {
  demand(text.length <= 65_536, 'longer than a receipt can be');
  const json = JSON.parse(text);
  exactly(json, ['version', 'network', 'request', 'claim', ...('batch' in json ? ['batch'] : [])], 'receipt');
  demand(json.version === 1, 'not a receipt of version 1');
  exactly(json.network, ['chainId', 'disputes'], 'network');
  demand(Number.isSafeInteger(json.network.chainId) && json.network.chainId > 0, 'network.chainId is not a chain id');
  const network = { chainId: json.network.chainId, disputes: fieldOf(json.network.disputes, 'address', 'network.disputes') };
  return { network, request: signed(json.request, REQUEST, 'request'), claim: signed(json.claim, CLAIM, 'claim'), batch: json.batch && batchOf(json.batch) };
}

function batchOf(batch) {
  exactly(batch, ['id', 'root', 'proof'], 'batch');
  demand(Array.isArray(batch.proof) && batch.proof.length <= 32, 'batch.proof is not a list of at most 32 siblings');
  const proof = batch.proof.map((sibling, i) => fieldOf(sibling, 'bytes32', `batch.proof.${i}`));
  return { id: fieldOf(batch.id, 'uint128', 'batch.id'), root: fieldOf(batch.root, 'bytes32', 'batch.root'), proof };
}

function digestOf(network, primaryType, fields, message) {
  const domain = { name: 'Assay', version: '1', chainId: network.chainId, verifyingContract: network.disputes };
  return hashTypedData({ domain, types: { [primaryType]: fields.map(([name, type]) => ({ name, type })) }, primaryType, message });
}

async function signedBy(signer, hash, signature) {
  const found = await recoverAddress({ hash, signature }).catch(() => undefined);
  return found !== undefined && getAddress(found) === getAddress(signer);
}

/** OpenZeppelin's StandardMerkleTree over ["bytes32"]: leaves hashed twice, siblings in ascending order. */
function rootFrom(digest, proof) {
  return proof.reduce((node, sibling) => keccak256(concat(node < sibling ? [node, sibling] : [sibling, node])), keccak256(keccak256(digest)));
}

const BATCH = getAbiItem({ abi: ABI, name: 'BatchCommitted' }).inputs.filter(({ name }) => name === 'batch');

/** A batch as its event tells it and its word in storage, the hash of it, confirms; undefined if there is none. */
async function committed(client, deployment, batchId) {
  const hash = await client.readContract({ address: deployment.batches, abi: ABI, functionName: 'batchHash', args: [batchId] });
  const logs = await client.getContractEvents({ address: deployment.batches, abi: ABI, eventName: 'BatchCommitted', args: { batchId }, fromBlock: BigInt(deployment.deployedBlock), strict: true });
  return logs.map(({ args }) => args.batch).find((batch) => keccak256(encodeAbiParameters(BATCH, [batch])) === hash);
}

/** Everything the chain is asked. */
async function ask({ rpc, deployment }, receipt, { jobId, claimDigest }) {
  const client = createPublicClient({ transport: http(rpc, { retryCount: 1, timeout: 10_000 }) });
  const read = (address, functionName, args = []) => client.readContract({ address, abi: ABI, functionName, args });
  const { message, signature } = receipt.request;
  try {
    const [chainId, latest, overturned, batch, unanswered, code] = await Promise.all([
      client.getChainId(),
      client.getBlock(),
      read(deployment.disputes, 'overturned', [claimDigest]),
      receipt.batch && committed(client, deployment, receipt.batch.id),
      receipt.batch ? read(deployment.requests, 'unanswered', [receipt.batch.id]) : 0n,
      client.getCode({ address: message.submitter }),
    ]);
    const byContract = code && (await read(message.submitter, 'isValidSignature', [jobId, signature]).then((answer) => answer === '0x1626ba7e', () => false));
    return { chainId, now: latest.timestamp, overturned, batch, withheld: unanswered > 0n, byContract };
  } catch (error) {
    throw new Unreachable(`${rpc}: ${error.shortMessage ?? error.message}`);
  }
}

async function verify(receipt, { rpc, deployment }) {
  const { network, request, claim, batch } = receipt;
  const jobId = digestOf(network, 'Request', REQUEST, request.message);
  const claimDigest = digestOf(network, 'Claim', CLAIM, claim.message);
  const chain = await ask({ rpc, deployment }, receipt, { jobId, claimDigest });
  const { message: r } = request;
  const { message: c } = claim;
  const same = (a, b) => getAddress(a) === getAddress(b);
  const checks = {
    network: network.chainId === deployment.chainId && chain.chainId === deployment.chainId && same(network.disputes, deployment.disputes),
    job: c.jobId === jobId,
    requestSignature: chain.byContract ?? (await signedBy(r.submitter, jobId, request.signature)),
    claim: c.modelId === r.modelId && c.inputRoot === r.inputRoot && c.insuredValue === r.insuredValue && c.fee <= r.maxFee,
    claimSignature: await signedBy(c.executor, claimDigest, claim.signature),
    ...(batch && { inclusion: rootFrom(claimDigest, batch.proof) === batch.root }),
    ...(batch && { batch: chain.batch !== undefined && chain.batch.root === batch.root && same(chain.batch.coordinator, c.coordinator) }),
  };
  return { ok: Object.values(checks).every(Boolean) && !chain.overturned, finality: finalityOf(chain), jobId, executor: c.executor, outputRoot: c.outputRoot, checks };
}

function finalityOf({ overturned, batch, withheld, now }) {
  if (overturned) return 'overturned';
  if (!batch) return 'pending';
  // What was asked of a batch on chain and is not shown cannot be checked.
  return !withheld && now >= batch.committedAt + BigInt(batch.challengeWindow) ? 'final' : 'challengeable';
}

function readJson(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Malformed(error.message);
  }
}

try {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { rpc: { type: 'string' }, deployment: { type: 'string' } } });
  demand(positionals.length === 1 && values.rpc && values.deployment, 'usage: verify-receipt.mjs RECEIPT.json --rpc URL --deployment DEPLOYMENT.json');
  const verdict = await verify(parse(readJson(positionals[0])), { rpc: values.rpc, deployment: JSON.parse(readJson(values.deployment)) });
  console.log(JSON.stringify(verdict, null, 2));
  process.exitCode = verdict.ok ? 0 : 1;
} catch (error) {
  const wrong = error instanceof Malformed || error instanceof SyntaxError || error instanceof TypeError;
  console.log(JSON.stringify({ ok: false, error: error.message }, null, 2));
  process.exitCode = error instanceof Unreachable ? 3 : wrong ? 2 : 70;
}
