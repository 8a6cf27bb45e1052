import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Call {
  readonly id: unknown;
  readonly method: string;
  readonly params?: readonly unknown[];
}

export interface Complaint {
  readonly code: number;
  readonly message: string;
}

/** How a proxy treats its callers; everything may be changed while it runs. */
export interface Misbehaviour {
  /** Milliseconds before anything is answered. */
  delayMs?: number;
  /** Answers every request with this HTTP status. */
  status?: number;
  /** What it says then, once for the whole batch; without a status, to every call of it. */
  complaint?: Complaint;
  /** Seconds that it asks to be left alone, with a status. */
  retryAfter?: number;
  /** Closes the connection instead of answering. */
  cut?: boolean;
  /** Passes the request on, then closes the connection: the caller cannot know. */
  swallowAnswers?: boolean;
  /** Names the block of the moment this was set as its head, for ever. */
  frozenAt?: bigint;
  /** Names a head this much above the real one. */
  ahead?: bigint;
  /** Says it is this chain. */
  chainId?: number;
  /** Refuses log queries over more blocks than this … */
  maxRange?: bigint;
  /** … in these words, … */
  rangeComplaint?: Complaint;
  /** … and under this HTTP status, once for the whole batch. */
  rangeStatus?: number;
  /** Takes transactions and throws them away. */
  dropTransactions?: boolean;
  /** Leaves every log out. */
  hideLogs?: boolean;
  /** Knows of no receipt. */
  hideReceipts?: boolean;
  /** Says of every transaction that it was mined in the newest block. */
  forgeReceipts?: boolean;
}

export interface RpcProxy {
  readonly rpcUrl: string;
  readonly behaviour: Misbehaviour;
  /** Calls so far, by method. */
  readonly calls: Map<string, number>;
  stop(): Promise<void>;
}

/** An RPC endpoint in front of a real node that misbehaves as it is told. */
export async function startRpcProxy(target: string, behaviour: Misbehaviour = {}): Promise<RpcProxy> {
  const calls = new Map<string, number>();
  const server = createServer((request, response) => {
    serve({ target, behaviour, calls }, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    rpcUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    behaviour,
    calls,
    stop: () => new Promise((resolve) => (server.closeAllConnections(), server.close(() => resolve()))),
  };
}

interface Setting {
  readonly target: string;
  readonly behaviour: Misbehaviour;
  readonly calls: Map<string, number>;
}

async function serve({ target, behaviour, calls }: Setting, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await textOf(request);
  const asked = JSON.parse(body) as Call | Call[];
  for (const { method } of [asked].flat()) calls.set(method, (calls.get(method) ?? 0) + 1);
  if (behaviour.delayMs) await new Promise((resolve) => setTimeout(resolve, behaviour.delayMs));
  if (behaviour.cut) return void response.destroy();
  if (behaviour.status) return refuse(response, behaviour.status, behaviour);
  const answer = async (call: Call) => ({ jsonrpc: '2.0', id: call.id, ...(await answerTo(call, behaviour, target)) });
  const answers = Array.isArray(asked) ? await Promise.all(asked.map(answer)) : await answer(asked);
  if (behaviour.swallowAnswers) return void response.destroy();
  const refused = [answers].flat().find((one): one is typeof one & { error: Complaint } => 'error' in one && one.error === behaviour.rangeComplaint);
  if (refused && behaviour.rangeStatus) return refuse(response, behaviour.rangeStatus, { complaint: refused.error });
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answers));
}

function refuse(response: ServerResponse, status: number, { complaint, retryAfter }: Misbehaviour): void {
  const waiting = retryAfter ? { 'retry-after': String(retryAfter) } : {};
  if (complaint) response.writeHead(status, { 'content-type': 'application/json', ...waiting }).end(JSON.stringify({ jsonrpc: '2.0', id: null, error: complaint }));
  else response.writeHead(status, { 'content-type': 'text/plain', ...waiting }).end('no');
}

async function answerTo(call: Call, behaviour: Misbehaviour, target: string): Promise<object> {
  const { method, params = [] } = call;
  if (behaviour.complaint) return { error: behaviour.complaint };
  if (method === 'eth_chainId' && behaviour.chainId !== undefined) return { result: hex(BigInt(behaviour.chainId)) };
  if (method === 'eth_sendRawTransaction' && behaviour.dropTransactions) return { result: `0x${'00'.repeat(32)}` };
  if (method === 'eth_getLogs' && behaviour.maxRange !== undefined && rangeOf(params) > behaviour.maxRange) {
    return { error: behaviour.rangeComplaint ?? { code: -32005, message: `query exceeds max block range ${behaviour.maxRange}` } };
  }
  if (method === 'eth_getLogs' && behaviour.hideLogs) return { result: [] };
  if (method === 'eth_getTransactionReceipt' && behaviour.hideReceipts) return { result: null };
  if (method === 'eth_getTransactionReceipt' && behaviour.forgeReceipts) return { result: await forgedReceipt(String(params[0]), target) };
  const answer = await ask(target, call);
  if (method !== 'eth_blockNumber') return answer;
  const head = BigInt((answer as { result: string }).result);
  return { result: hex(behaviour.frozenAt ?? head + (behaviour.ahead ?? 0n)) };
}

async function forgedReceipt(transactionHash: string, target: string): Promise<object> {
  const { result } = (await ask(target, { id: 1, method: 'eth_getBlockByNumber', params: ['latest', false] })) as { result: { number: string; hash: string } };
  const nobody = `0x${'00'.repeat(20)}`;
  return { transactionHash, transactionIndex: '0x0', blockHash: result.hash, blockNumber: result.number, from: nobody, to: nobody, status: '0x1', type: '0x2', gasUsed: '0x5208', cumulativeGasUsed: '0x5208', effectiveGasPrice: '0x1', contractAddress: null, logs: [], logsBloom: `0x${'00'.repeat(256)}` };
}

async function ask(target: string, call: Call): Promise<object> {
  const response = await fetch(target, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ ...call, jsonrpc: '2.0' }) });
  const { result, error } = (await response.json()) as { result?: unknown; error?: unknown };
  return error === undefined ? { result } : { error };
}

function rangeOf([query]: readonly unknown[]): bigint {
  const { blockHash, fromBlock, toBlock } = query as { blockHash?: string; fromBlock: string; toBlock: string };
  return blockHash ? 1n : BigInt(toBlock) - BigInt(fromBlock) + 1n;
}

const hex = (n: bigint) => `0x${n.toString(16)}`;

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
