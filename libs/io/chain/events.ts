import { parseEventLogs, type Address, type Hex, type Log, type ParseEventLogsReturnType, type PublicClient } from 'viem';
import { batchesAbi, disputesAbi, vaultAbi } from './generated/abis.js';
import { chainError } from './revert.js';

/** Blocks asked for at once; endpoints refuse larger ranges. */
export const MAX_BLOCK_RANGE = 2_000n;
/** Blocks whose hashes are remembered; a reorganisation deeper than this re-reads from the oldest of them. */
const REMEMBERED_BLOCKS = 64;

const EVENTS = [...batchesAbi, ...disputesAbi, ...vaultAbi].filter((item) => item.type === 'event') as EventItem[];
type EventItem = Extract<(typeof batchesAbi)[number] | (typeof disputesAbi)[number] | (typeof vaultAbi)[number], { type: 'event' }>;

type Parsed = ParseEventLogsReturnType<EventItem[], undefined, true>[number];
/** One event of Vault, Batches or Disputes, discriminated by `eventName`, with `args`, `blockNumber`, `transactionHash`, `logIndex`. */
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
      failures++;
      options.onError?.(chainError(error, 'eth_getLogs'));
    }
    if (page) yield page;
    if (!page || page.to === page.head) await pause(options.pollMs * Math.min(2 ** failures, 16), options.signal);
  }
}

class PageReader {
  private next_: bigint;
  private readonly hashes = new Map<bigint, Hex>();

  constructor(private readonly options: EventStreamOptions) {
    this.next_ = options.fromBlock;
  }

  /** The next page, or undefined if there is no new block. */
  async next(): Promise<EventPage | undefined> {
    const { client } = this.options;
    const head = await client.getBlockNumber({ cacheTime: 0 });
    const rewound = await this.rewind(head);
    const from = this.next_;
    if (from > head) return rewound ? { from, to: head, head, rewound, events: [] } : undefined;
    const to = from + MAX_BLOCK_RANGE - 1n < head ? from + MAX_BLOCK_RANGE - 1n : head;
    const block = await client.getBlock({ blockNumber: to });
    const logs = await client.getLogs({ address: [...this.options.addresses], fromBlock: from, toBlock: to });
    this.remember(to, block.hash);
    this.next_ = to + 1n;
    return { from, to, head, rewound, events: parseEvents(logs) };
  }

  private remember(number: bigint, hash: Hex): void {
    this.hashes.set(number, hash);
    if (this.hashes.size > REMEMBERED_BLOCKS) this.hashes.delete(this.hashes.keys().next().value!);
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
    return true;
  }

  private async hashAt(blockNumber: bigint): Promise<Hex | null> {
    return (await this.options.client.getBlock({ blockNumber })).hash;
  }
}

export function parseEvents(logs: readonly Log[]): ChainEvent[] {
  return parseEventLogs({ abi: EVENTS, logs: [...logs], strict: true }) as unknown as ChainEvent[];
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
