import { keccak256, numberToHex, toRlp, type Hex, type PublicClient } from 'viem';
import { AssayError } from '#core/protocol';
import { answered } from './revert.js';

/** A header's fields in their order (Yellow Paper 4.4; EIP-1559, 4895, 4844, 4788, 7685, 7928); numbers without leading zeros. */
const FIELDS = ['parentHash', 'sha3Uncles', 'miner', 'stateRoot', 'transactionsRoot', 'receiptsRoot', 'logsBloom', 'difficulty', 'number', 'gasLimit', 'gasUsed', 'timestamp', 'extraData', 'mixHash', 'nonce', 'baseFeePerGas', 'withdrawalsRoot', 'blobGasUsed', 'excessBlobGas', 'parentBeaconBlockRoot', 'requestsHash', 'blockAccessListHash'] as const;
const NUMBERS: ReadonlySet<string> = new Set(['difficulty', 'number', 'gasLimit', 'gasUsed', 'timestamp', 'baseFeePerGas', 'blobGasUsed', 'excessBlobGas']);

type RawBlock = Readonly<Partial<Record<(typeof FIELDS)[number] | 'hash', Hex>>>;

/**
 * RLP of a mined block's header, as contracts take it to prove what is in it.
 * @throws AssayError CHAIN_UNREACHABLE, also if the endpoint's fields do not make the block's hash
 */
export async function headerOf(client: PublicClient, blockNumber: bigint): Promise<Hex> {
  // WHY past viem's getBlock: it keeps no zero and not every field.
  const method = 'eth_getBlockByNumber';
  const block = (await answered(method, client.request({ method, params: [numberToHex(blockNumber), false] }))) as RawBlock | null;
  if (!block) throw new AssayError({ code: 'CHAIN_UNREACHABLE', message: `The endpoint does not have block ${blockNumber}.`, facts: { blockNumber } });
  const header = toRlp(FIELDS.flatMap((name) => (block[name] === undefined || block[name] === null ? [] : [fieldOf(name, block[name])])));
  if (keccak256(header) === block.hash) return header;
  throw new AssayError({ code: 'CHAIN_UNREACHABLE', message: `The fields of block ${blockNumber} do not make its hash.`, facts: { blockNumber, hash: block.hash, made: keccak256(header) } });
}

function fieldOf(name: string, value: Hex): Hex {
  if (!NUMBERS.has(name)) return value;
  const digits = value.slice(2).replace(/^0+/, '');
  return `0x${digits.length % 2 === 0 ? digits : `0${digits}`}`;
}
