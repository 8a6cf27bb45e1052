import { createPublicClient, custom, encodeAbiParameters, encodeEventTopics, numberToHex, type AbiEvent, type Address, type Hex, type Log } from 'viem';
import { expect, it } from 'vitest';
import { disputesAbi, eventPages, parseEvents, type EventPage } from './index.js';

const DISPUTES: Address = `0x${'d1'.repeat(20)}`;
const HASH: Hex = `0x${'77'.repeat(32)}`;
const word = (value: bigint): Hex => numberToHex(value, { size: 32 });
const opened = (disputesAbi as readonly { type: string; name?: string }[]).find(({ type, name }) => type === 'event' && name === 'Opened') as AbiEvent;

function openedLog(fee: bigint, place: { block?: bigint; index?: number; address?: Address; removed?: boolean } = {}) {
  const claimed = { jobId: HASH, modelId: HASH, inputRoot: HASH, outputRoot: HASH, executor: DISPUTES, coordinator: DISPUTES, fee: 1n, insuredValue: 2n };
  const plain = opened.inputs.filter((input) => !input.indexed);
  const values: Record<string, unknown> = { gameId: HASH, claim: HASH, executor: DISPUTES, challenger: DISPUTES, claimed, game: Array<Hex>(8).fill(HASH) };
  const data = encodeAbiParameters(plain, plain.map(({ name }) => values[name!]) as never).replace(word(1n).slice(2), word(fee).slice(2)) as Hex;
  const topics = encodeEventTopics({ abi: [opened], args: values } as never) as Hex[];
  return { address: place.address ?? DISPUTES, topics, data, blockNumber: numberToHex(place.block ?? 1n), blockHash: HASH, transactionHash: HASH, transactionIndex: '0x0', logIndex: numberToHex(place.index ?? 0), removed: place.removed ?? false };
}

it.each([
  ['as wide as the type', 2n ** 128n - 1n, 1],
  ['wider than the type, which no contract writes', 2n ** 128n, 0],
])('an event whose number is %s', (_, fee, events) => {
  expect(parseEvents([openedLog(fee) as unknown as Log])).toHaveLength(events);
});

it.each([
  ['of another block', [openedLog(1n, { block: 9n })]],
  ['of another contract', [openedLog(1n, { address: `0x${'aa'.repeat(20)}` })]],
  ['twice', [openedLog(1n), openedLog(1n)]],
  ['in another order', [openedLog(1n, { index: 1 }), openedLog(1n)]],
  ['that it calls removed', [openedLog(1n, { removed: true })]],
  ['without a place', [{ ...openedLog(1n), blockNumber: null }]],
])('logs that an endpoint gives %s are not taken; the stream asks again', async (_, wrong) => {
  let asked = 0;
  const { errors, pages } = await firstPage(async ({ blockHash }) => (blockHash ? [] : asked++ === 0 ? wrong : [openedLog(1n), openedLog(1n, { index: 1 })]));
  expect(errors).toEqual([expect.objectContaining({ code: 'CHAIN_UNREACHABLE' })]);
  expect(pages[0]?.events).toHaveLength(2);
});

it('a page is read again if the node that gives its logs has not its newest block, or no longer', async () => {
  let asked = 0;
  const { errors, pages } = await firstPage(async ({ blockHash, toBlock }) => {
    if (!blockHash) return toBlock === '0x1' ? [openedLog(1n)] : [];
    if (asked++ === 0) throw new Error('unknown block');
    return [openedLog(1n, { block: 2n })];
  });
  expect(errors).toEqual([expect.objectContaining({ code: 'ENDPOINT_FAILED', facts: { call: 'eth_getLogs' } })]);
  expect(pages[0]?.events.map(({ blockNumber }) => blockNumber)).toEqual([1n, 2n]);
});

/** Of a chain of two blocks, with the failures before it. */
async function firstPage(logs: (query: { blockHash?: Hex; toBlock?: Hex }) => Promise<unknown[]>): Promise<{ errors: unknown[]; pages: EventPage[] }> {
  const request = async ({ method, params }: { method: string; params: [never] }) => {
    if (method === 'eth_blockNumber') return '0x2';
    if (method === 'eth_getBlockByNumber') return { number: '0x2', hash: HASH, transactions: [] };
    return logs(params[0]);
  };
  const client = createPublicClient({ transport: custom({ request } as never, { retryCount: 0 }), cacheTime: 0 });
  const stop = new AbortController();
  const errors: unknown[] = [];
  const pages: EventPage[] = [];
  for await (const page of eventPages({ client, addresses: [DISPUTES], fromBlock: 1n, pollMs: 1, signal: stop.signal, finalityDepth: 8n, onError: (error) => errors.push(error) })) {
    pages.push(page);
    stop.abort();
  }
  return { errors, pages };
}
