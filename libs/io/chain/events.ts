import { isHex, parseEventLogs, type AbiParameter, type Address, type Hex, type Log, type ParseEventLogsReturnType, type PublicClient } from 'viem';
import { AssayError } from '#core/protocol';
import { isTooLargeQuery, switchesOf } from './endpoints.js';
import { batchesAbi, chargesAbi, disputesAbi, iConsumerAbi, requestsAbi, vaultAbi } from './generated/abis.js';
import { chainError } from './revert.js';

/** Blocks asked for at once; endpoints refuse larger ranges. */
export const MAX_BLOCK_RANGE = 2_000n;
const PAGES_UNTIL_WIDER = 8;
/**
 * Blocks from the head on that count as not yet final. Pages end at this depth, and hashes of pages within it are
 * remembered, so that a reorganisation re-reads what it undid. A deeper one re-reads from the start: slow, never wrong.
 */
export const FINALITY_DEPTH = 64n;

const EVENTS = [...batchesAbi, ...disputesAbi, ...vaultAbi, ...chargesAbi, ...requestsAbi, ...iConsumerAbi].filter((item) => item.type === 'event') as EventItem[];
const INPUTS = new Map(EVENTS.map(({ name, inputs }) => [name as string, inputs as readonly AbiParameter[]]));
type EventItem = Extract<(typeof batchesAbi)[number] | (typeof disputesAbi)[number] | (typeof vaultAbi)[number] | (typeof chargesAbi)[number] | (typeof requestsAbi)[number] | (typeof iConsumerAbi)[number], { type: 'event' }>;

type Parsed = ParseEventLogsReturnType<EventItem[], undefined, true>[number];
/** One event of Vault, Batches, Disputes, Charges, Requests or a consumer, discriminated by `eventName`, with `args`, `blockNumber`, `transactionHash`, `logIndex`. */
export type ChainEvent = Parsed & { readonly blockNumber: bigint; readonly transactionHash: Hex; readonly logIndex: number };

/** The events of blocks from..to, in order. If `rewound`, everything known from block `from` on is void and to be replaced. */
export interface EventPage {
  readonly from: bigint;
  readonly to: bigint;
  /** The chain's head when the page was read; `to === head` means caught up. */
  readonly head: bigint;
  readonly rewound: boolean;
  readonly events: readonly ChainEvent[];
}

export interface EventStreamOptions {
  readonly client: PublicClient;
  readonly addresses: readonly Address[];
  readonly fromBlock: bigint;
  readonly pollMs: number;
  readonly signal: AbortSignal;
  readonly finalityDepth: bigint;
  /** Told whenever blocks already read turned out void. */
  readonly onRewind?: () => void;
  /** Told about every failed look at the chain; the stream goes on with a longer pause. */
  readonly onError?: (error: unknown) => void;
}

/**
 * Endless stream of event pages from a block on. Resumable: hand in the block after the last page worked off.
 * Reorg-safe: if a block already read is no longer on the chain the stream steps back to the last common one.
 */
export async function* eventPages(options: EventStreamOptions): AsyncGenerator<EventPage, void, void> {
  const reader = new PageReader(options);
  let failures = 0;
  while (!options.signal.aborted) {
    let page: EventPage | undefined;
    try {
      page = await reader.next();
      failures = 0;
    } catch (error) {
      if (error instanceof RangeRefused) continue;
      failures++;
      options.onError?.(chainError(error, 'eth_getLogs'));
    }
    if (page) yield page;
    if (!page || page.to === page.head) await pause(options.pollMs * Math.min(2 ** failures, 16), options.signal);
  }
}

/** The endpoint wants a smaller range; the reader has halved it. */
class RangeRefused extends Error {}

class PageReader {
  private next_: bigint;
  private range = MAX_BLOCK_RANGE;
  /** Pages read since the range last changed. */
  private smooth = 0;
  /** A rewind that no page has told of yet. */
  private untold = false;
  private readonly hashes = new Map<bigint, Hex>();

  constructor(private readonly options: EventStreamOptions) {
    this.next_ = options.fromBlock;
  }

  /** The next page, or undefined if there is no new block. */
  async next(): Promise<EventPage | undefined> {
    const { client } = this.options;
    const head = await client.getBlockNumber({ cacheTime: 0 });
    // WHY kept until told: the read behind it may fail, and whoever follows must hear of it all the same.
    this.untold = (await this.rewind(head)) || this.untold;
    const from = this.next_;
    const rewound = this.untold;
    if (from > head) {
      this.untold = false;
      return rewound ? { from, to: head, head, rewound, events: [] } : undefined;
    }
    const to = this.endOf(from, head);
    const { hash, logs } = await this.read(from, to);
    this.remember(to, head, hash);
    this.next_ = to + 1n;
    this.untold = false;
    this.widen();
    return { from, to, head, rewound, events: parseEvents(logs) };
  }

  /** WHY a page ends where finality begins: the blocks after it can then be voided without it. */
  private endOf(from: bigint, head: bigint): bigint {
    const final = head - this.depth;
    const wanted = from + this.range - 1n;
    const bounded = wanted < head ? wanted : head;
    return from <= final && final < bounded ? final : bounded;
  }

  private async read(from: bigint, to: bigint): Promise<{ hash: Hex; logs: Log[] }> {
    const { client } = this.options;
    const address = [...this.options.addresses];
    const switches = switchesOf(client.transport);
    try {
      // WHY first the hash: if a reorganisation comes between the two, the next look finds another hash and reads again.
      const { hash } = await client.getBlock({ blockNumber: to });
      // SAFETY: one address may have several nodes behind it. One that has not the newest block gives no logs for its number, and an error for
      // its hash; both questions go in one request, to one node.
      const [before, newest] = await Promise.all([from < to ? client.getLogs({ address, fromBlock: from, toBlock: to - 1n }) : [], client.getLogs({ address, blockHash: hash })]);
      const logs = [...before, ...newest];
      requireAsked(logs, { from, to, addresses: address });
      // SAFETY: another endpoint may not have the blocks before that yet.
      if (switchesOf(client.transport) !== switches) throw new AssayError({ code: 'CHAIN_UNREACHABLE', message: 'Another endpoint took over while a page was read.' });
      return { hash, logs };
    } catch (error) {
      if (!isTooLargeQuery(error) || to === from) throw error;
      this.range = (to - from + 1n) / 2n;
      this.smooth = 0;
      throw new RangeRefused();
    }
  }

  /** Where many events lie together a range is too large that fits elsewhere. */
  private widen(): void {
    if (++this.smooth < PAGES_UNTIL_WIDER || this.range >= MAX_BLOCK_RANGE) return;
    this.range *= 2n;
    this.smooth = 0;
  }

  private remember(number: bigint, head: bigint, hash: Hex): void {
    this.hashes.set(number, hash);
    // The newest final one stays: it is where a reorganisation of everything after it steps back to.
    const final = [...this.hashes.keys()].filter((n) => n <= head - this.depth);
    for (const old of final.slice(0, -1)) this.hashes.delete(old);
  }

  /** Forgets blocks that are no longer on the chain and moves back behind the newest one that is. */
  private async rewind(head: bigint): Promise<boolean> {
    let rewound = false;
    for (const [number, hash] of [...this.hashes].reverse()) {
      if (number <= head && (await this.hashAt(number)) === hash) break;
      this.hashes.delete(number);
      rewound = true;
    }
    if (!rewound) return false;
    const newest = [...this.hashes.keys()].at(-1);
    this.next_ = newest === undefined ? this.options.fromBlock : newest + 1n;
    this.options.onRewind?.();
    return true;
  }

  private get depth(): bigint {
    return this.options.finalityDepth;
  }

  private async hashAt(blockNumber: bigint): Promise<Hex | null> {
    return (await this.options.client.getBlock({ blockNumber })).hash;
  }
}

/**
 * SAFETY: what an endpoint answers beside the question would be taken for events of other blocks, or of our contracts.
 * @throws AssayError CHAIN_UNREACHABLE unless the logs are of those blocks and addresses, each once and in order
 */
function requireAsked(logs: readonly Log[], { from, to, addresses }: { from: bigint; to: bigint; addresses: readonly Address[] }): void {
  const known = new Set(addresses.map((address) => address.toLowerCase()));
  let last = -1n;
  for (const { address, blockNumber, logIndex, transactionHash, removed } of logs) {
    const isAsked = typeof blockNumber === 'bigint' && blockNumber >= from && blockNumber <= to && Number.isSafeInteger(logIndex) && isHash(transactionHash) && !removed && known.has(String(address).toLowerCase());
    const place = isAsked ? (blockNumber << 64n) | BigInt(logIndex!) : last;
    if (place <= last) throw new AssayError({ code: 'CHAIN_UNREACHABLE', message: 'The endpoint answered with logs that were not asked for, or not in order.', facts: { from, to, address, blockNumber, logIndex, removed } });
    last = place;
  }
}

function isHash(value: unknown): boolean {
  return typeof value === 'string' && isHex(value) && value.length === 66;
}

export function parseEvents(logs: readonly Log[]): ChainEvent[] {
  const parsed = parseEventLogs({ abi: EVENTS, logs: [...logs], strict: true }) as unknown as ChainEvent[];
  return parsed.filter((event) => fits(INPUTS.get(event.eventName)!, event.args));
}

/** WHY: the decoder takes a whole word for a number of fewer bits, which no contract can have written and nothing of ours can hold. */
function fits(inputs: readonly AbiParameter[], values: unknown): boolean {
  return inputs.every((input, i) => {
    const value = (values as Record<string | number, unknown>)[input.name || i];
    if ('components' in input && !input.type.endsWith(']')) return fits(input.components, value);
    const [, bits] = /^uint(\d+)$/.exec(input.type) ?? [];
    return bits === undefined || BigInt(value as bigint) < 2n ** BigInt(bits);
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
