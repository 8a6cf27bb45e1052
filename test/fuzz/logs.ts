import { encodeAbiParameters, encodeEventTopics, type Abi, type AbiEvent, type AbiParameter, type Address, type Hex } from 'viem';
import { batchesAbi, chargesAbi, disputesAbi, requestsAbi, vaultAbi } from '#io/chain';
import type { Random } from '#testing';

/** A log as an endpoint gives it. */
export interface RawLog {
  readonly address: Address;
  readonly topics: readonly Hex[];
  readonly data: Hex;
  readonly blockNumber: Hex | null;
  readonly blockHash: Hex | null;
  readonly transactionHash: Hex | null;
  readonly transactionIndex: Hex | null;
  readonly logIndex: Hex | null;
  readonly removed: boolean;
}

const EVENTS = ([batchesAbi, chargesAbi, disputesAbi, requestsAbi, vaultAbi] as unknown as Abi[]).flat().filter((item): item is AbiEvent => item.type === 'event');
export const ADDRESSES: readonly Address[] = [1, 2, 3].map((n): Address => `0x${n.toString(16).padStart(40, '0')}`);
/** Words that stand for offsets, lengths, amounts and places in a log's data. */
const WORDS = [0n, 1n, 31n, 32n, 33n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 64n - 1n, 2n ** 128n, 2n ** 255n, 2n ** 256n - 1n];
const hex = (value: bigint | number): Hex => `0x${value.toString(16)}`;
const word = (value: bigint): string => value.toString(16).padStart(64, '0');
const bytes = (random: Random, length: number): Hex => `0x${Buffer.from(random.bytes(length)).toString('hex')}`;

/** A log of some event of the contracts, well formed. */
export function someLog(random: Random, place: { readonly block: bigint; readonly hash: Hex; readonly index: number }): RawLog {
  const event = random.pick(EVENTS);
  const args = Object.fromEntries(event.inputs.map((input) => [input.name, valueOf(input, random)]));
  const plain = event.inputs.filter((input) => !input.indexed);
  return {
    address: random.pick(ADDRESSES),
    topics: encodeEventTopics({ abi: [event], args } as never) as Hex[],
    data: encodeAbiParameters(plain, plain.map((input) => args[input.name!]) as never),
    ...{ blockNumber: hex(place.block), blockHash: place.hash, transactionHash: bytes(random, 32), transactionIndex: '0x0', logIndex: hex(place.index), removed: false },
  };
}

function valueOf(parameter: AbiParameter, random: Random): unknown {
  const [, item, count] = /^(.*)\[(\d*)\]$/.exec(parameter.type) ?? [];
  if (item !== undefined) return Array.from({ length: count === '' ? random.between(0, 5) : Number(count) }, () => valueOf({ ...parameter, type: item }, random));
  const [, , bits] = /^(u?int)(\d+)$/.exec(parameter.type) ?? [];
  if (bits !== undefined) {
    const value = BigInt(bytes(random, Math.min(random.pick([1, 4, 32]), Number(bits) / 8)));
    return Number(bits) <= 48 ? Number(value) : value;
  }
  if (parameter.type.startsWith('tuple')) return Object.fromEntries((parameter as { components: readonly AbiParameter[] }).components.map((part) => [part.name, valueOf(part, random)]));
  if (parameter.type === 'address') return bytes(random, 20);
  if (parameter.type === 'bool') return random.next() < 0.5;
  if (parameter.type === 'string') return 'text';
  return bytes(random, parameter.type === 'bytes' ? random.between(0, 70) : Number(parameter.type.slice('bytes'.length)));
}

/** The log with something wrong: topics, words of its data, or where it says it is. */
export function hostileLog(log: RawLog, random: Random): RawLog {
  const words: string[] = log.data.slice(2).match(/.{64}/g) ?? [];
  const at = random.between(0, Math.max(1, words.length));
  const withData = (text: string): RawLog => ({ ...log, data: `0x${text}` });
  const { topics } = log;
  switch (random.between(0, 11)) {
    case 0:
    case 1:
    case 2:
      return withData([...words.slice(0, at), word(random.pick(WORDS)), ...words.slice(at + 1)].join(''));
    case 3:
      return withData(log.data.slice(2, 2 + 2 * random.between(0, log.data.length / 2)));
    case 4:
      return withData(words.toReversed().join('') + word(random.pick(WORDS)));
    case 5:
      return { ...log, topics: random.pick([[], topics.slice(0, 1), [...topics, ...topics], topics.slice(1), topics.toReversed()]) };
    case 6:
      return { ...log, topics: topics.map((topic, i): Hex => (i === 0 ? topic : `0x${word(random.pick(WORDS))}`)) };
    case 7:
      return { ...log, topics: [encodeEventTopics({ abi: [random.pick(EVENTS)] } as never)[0] as Hex, ...topics.slice(1)] };
    case 8:
      return { ...log, address: random.pick([bytes(random, 20), bytes(random, 19), '0x', ADDRESSES[0]!]) };
    case 9:
      return { ...log, blockNumber: random.pick([null, '0x', '0x0', '0xffffffffffffffff', '-0x1' as Hex, '12' as Hex]), logIndex: random.pick([null, log.logIndex, '0xffffffffffffffffff']) };
    default:
      return { ...log, removed: true, transactionHash: random.pick([null, '0x', log.transactionHash]), blockHash: random.pick([null, bytes(random, 32)]) };
  }
}
