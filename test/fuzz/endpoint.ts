import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createPublicClient, http, keccak256, numberToHex, type Hex } from 'viem';
import { eventPages, type EventPage } from '#io/chain';
import { seededRandom, type Random } from '#testing';
import { codeOf, readEvents } from './events.js';
import type { Began } from './files.js';
import { ADDRESSES, hostileLog, someLog, type RawLog } from './logs.js';
import { Counter, type Tally } from './tally.js';

interface Call {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

const BLOCKS = 40n;
const SLOW_MS = 30_000;
/** Honest answers at the end. */
const TRUTHS = 60;
const hashOf = (block: bigint, salt: number): Hex => keccak256(numberToHex((BigInt(salt) << 64n) | block, { size: 32 }));

/** An endpoint whose every second answer is wrong: the stream of events must go on, tell each fault by its code, and hand over nothing that it did not ask for. */
export async function fuzzEndpoint(seed: number, cases: number, began: Began): Promise<Tally> {
  const counter = new Counter(SLOW_MS);
  const state = { asked: 0, lies: 0, truths: 0, at: performance.now() };
  const stop = new AbortController();
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString())).on('end', () => {
      const random = seededRandom(seed * 65_537 + state.asked++);
      const call = JSON.parse(body) as Call;
      const answer = { jsonrpc: '2.0', id: call.id, result: honest(call, seed) };
      const isOver = counter.tally.cases >= cases;
      // WHY an end of its own: a reader that knows all has no page to tell of.
      if (isOver && ++state.truths > TRUTHS) stop.abort();
      if (isOver || random.next() < 0.5) return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      state.lies++;
      const { status = 200, text } = lie(answer, call, random);
      response.writeHead(status, { 'content-type': 'application/json' }).end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = createPublicClient({ transport: http(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { retryCount: 0, timeout: 10_000 }), cacheTime: 0 });
  const note = (outcome: string) => {
    counter.note(outcome, performance.now() - state.at, `endpoint, lie ${state.lies} (seed ${seed})`);
    state.at = performance.now();
    began(`endpoint, after lie ${state.lies} (seed ${seed})`);
  };
  const onError = (error: unknown) => {
    if (state.truths > TRUTHS / 2) counter.fault(`still at fault after ${TRUTHS / 2} honest answers (seed ${seed}): ${String(error)}`);
    note(codeOf(error, (text) => counter.fault(`lie ${state.lies} (seed ${seed}): ${text}`)));
  };
  for await (const page of eventPages({ client, addresses: ADDRESSES, fromBlock: 1n, pollMs: 1, signal: stop.signal, finalityDepth: 8n, onError })) {
    for (const fault of faultsOf(page)) counter.fault(`lie ${state.lies} (seed ${seed}): ${fault}`);
    note(page.rewound ? 'rewound' : 'taken');
  }
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return counter.tally;
}

function faultsOf(page: EventPage): string[] {
  const faults: string[] = [];
  if (page.to > page.head || page.from < 1n) faults.push(`a page of blocks ${page.from} to ${page.to}, head ${page.head}`);
  let last = -1n;
  for (const { blockNumber, logIndex, address, transactionHash } of readEvents(page.events)) {
    if (typeof blockNumber !== 'bigint' || blockNumber < page.from || blockNumber > page.to) faults.push(`an event of block ${blockNumber} in a page of ${page.from} to ${page.to}`);
    if (!ADDRESSES.includes(address.toLowerCase() as Hex)) faults.push(`an event of ${address}, which was not asked for`);
    if (!/^0x[0-9a-f]{64}$/.test(transactionHash)) faults.push(`an event of transaction ${transactionHash}`);
    const place = (blockNumber << 32n) | BigInt(logIndex);
    if (place <= last) faults.push(`an event at ${blockNumber}/${logIndex} after a later one`);
    last = place;
  }
  return faults;
}

function honest({ method, params }: Call, seed: number): unknown {
  if (method === 'eth_chainId') return '0x1';
  if (method === 'eth_blockNumber') return numberToHex(BLOCKS);
  if (method === 'eth_getBlockByNumber') return blockOf(BigInt(params[0] as Hex), seed);
  const { blockHash, fromBlock = '0x1', toBlock = numberToHex(BLOCKS) } = params[0] as { blockHash?: Hex; fromBlock?: Hex; toBlock?: Hex };
  const logs: RawLog[] = [];
  for (let block = BigInt(fromBlock); block <= BigInt(toBlock) && block <= BLOCKS; block++) {
    if (blockHash && blockHash !== hashOf(block, seed)) continue;
    const random = seededRandom(seed + Number(block));
    for (let index = 0; index < Number(block % 3n); index++) logs.push(someLog(random, { block, hash: hashOf(block, seed), index }));
  }
  return logs;
}

function blockOf(number: bigint, salt: number): object | null {
  if (number > BLOCKS) return null;
  const zero = '0x0';
  return { number: numberToHex(number), hash: hashOf(number, salt), parentHash: hashOf(number - 1n, salt), timestamp: numberToHex(number), nonce: '0x0000000000000000', difficulty: zero, gasLimit: zero, gasUsed: zero, size: zero, totalDifficulty: zero, baseFeePerGas: zero, miner: ADDRESSES[0], extraData: '0x', logsBloom: '0x', transactions: [], uncles: [], transactionsRoot: hashOf(0n, 1), stateRoot: hashOf(0n, 2), receiptsRoot: hashOf(0n, 3), sha3Uncles: hashOf(0n, 4), mixHash: hashOf(number, 5) };
}

/** An answer that is wrong: as HTTP, as JSON, as JSON-RPC, in its type, or in what it says. */
function lie(answer: { id: number; result: unknown }, { method }: Call, random: Random): { status?: number; text: string } {
  const text = JSON.stringify(answer);
  const with_ = (result: unknown) => ({ text: JSON.stringify({ ...answer, result }) });
  switch (random.between(0, 9)) {
    case 0:
      return { status: random.pick([200, 204, 301, 400, 404, 429, 500, 503]), text: random.pick(['', 'no', '<html>', '[]', 'null', '{"jsonrpc":"2.0"}', text.slice(0, random.between(0, text.length)), '['.repeat(20_000), 'x'.repeat(3_000_000)]) };
    case 1:
      return { text: JSON.stringify({ jsonrpc: '2.0', id: answer.id, error: random.pick([null, 'no', { code: -32_005, message: 'query returned more than 10000 results' }, { code: -32_000, message: 'header not found' }, { code: 3, message: 'execution reverted', data: '0x' }, { message: 'x'.repeat(100_000) }, { code: 'x' }]) }) };
    case 2:
      return with_(random.pick([null, true, -1, 1e300, '', '0x', '0xzz', 'latest', [], {}, [[]], [null], `0x${'f'.repeat(80)}`]));
    default:
      if (method === 'eth_blockNumber') return with_(random.pick(['0x0', '0x1', numberToHex(BLOCKS - 1n), numberToHex(BLOCKS + 3n), '0xffffffffffffffff', `0x${'f'.repeat(64)}`, numberToHex(BLOCKS - 20n)]));
      if (method === 'eth_getBlockByNumber') return with_(random.pick([null, {}, { ...(answer.result as object), hash: null }, { ...(answer.result as object), hash: hashOf(9n, random.between(0, 99)) }, { ...(answer.result as object), number: '0x1' }, { ...(answer.result as object), hash: '0x12', number: null }]));
      return with_(lyingLogs(answer.result as RawLog[], random));
  }
}

function lyingLogs(logs: readonly RawLog[], random: Random): unknown[] {
  if (logs.length === 0) return [someLog(random, { block: BigInt(random.pick([0, 1, 500])), hash: hashOf(1n, 9), index: 0 })];
  const at = random.between(0, logs.length);
  const one = logs[at]!;
  return random.pick([
    () => logs.with(at, hostileLog(one, random)),
    () => logs.with(at, hostileLog(one, random)),
    () => logs.toReversed(),
    () => [...logs, ...logs],
    () => logs.toSpliced(at, 1),
    () => logs.with(at, { ...one, blockNumber: random.pick(['0x0', '0x1', '0x1f4', null]) }),
    () => logs.map((log) => ({ ...log, removed: true })),
    () => logs.with(at, Object.fromEntries(Object.entries(one).filter(() => random.next() < 0.7)) as never),
    () => logs.with(at, random.pick([null, 1, [], 'x']) as never),
    () => Array.from({ length: 3_000 }, () => one),
  ])();
}
