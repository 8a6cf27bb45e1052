import { BaseError, createTransport, hexToBigInt, http, HttpRequestError, hexToNumber, RpcRequestError, UnknownRpcError, type Chain, type EIP1193RequestFn, type Hex, type Transport } from 'viem';
import { AssayError } from '#core/protocol';
import { askedOf, placeOf, type Place } from './asking.js';

/** Endpoints one connection uses at most. */
export const MAX_ENDPOINTS = 8;
/** Milliseconds that an endpoint is left alone after its first fault; doubled with every further one. */
const REST_MS = 1_000;
const MAX_REST_MS = 60_000;
/** Milliseconds for which an endpoint is left alone whose logs did not fit its state. */
const DISTRUST_MS = 600_000;
/** Blocks an endpoint may be behind the best head shown before it counts as stale. */
const MAX_LAG = 3n;
/** A head this much above the best one known must be shown as a block before it is believed. */
const MAX_JUMP = 2n;

export interface EndpointsOptions {
  readonly urls: readonly string[];
  readonly chainId: number;
  /** Milliseconds until a request counts as lost; 10,000 if left out. */
  readonly timeoutMs?: number;
  /** Milliseconds between looks at the heads of the endpoints not in use; 15,000 if left out. */
  readonly probeMs?: number;
}

type Request = { readonly method: string; readonly params?: unknown };

/** One or several endpoints from a comma-separated list. */
export function endpointUrls(list: string): string[] {
  const urls = list.split(',').map((url) => url.trim()).filter((url) => url !== '');
  if (urls.length > 0 && urls.length <= MAX_ENDPOINTS) return urls;
  throw new AssayError({ code: 'CONFIG_INVALID', message: `Between 1 and ${MAX_ENDPOINTS} RPC endpoints are needed, not ${urls.length}.` });
}

/**
 * A viem transport over several endpoints of one chain. Uses the first of the list that is well; one that errs, refuses,
 * times out, is behind the others or shows a head it has no block for is left alone for a while. Every endpoint must prove
 * the chain id before it is asked anything. Transactions go to all, so that no one endpoint can hold one back.
 */
export function endpoints(options: EndpointsOptions): Transport {
  return ({ chain }) => {
    const pool = new EndpointPool(options, chain);
    const request = ((args: Request) => pool.request(args)) as EIP1193RequestFn;
    return createTransport({ key: 'endpoints', name: 'Endpoints', type: 'endpoints', request, retryCount: 2, retryDelay: 150 }, { switches: () => pool.switches, distrust: () => pool.distrust() });
  };
}

/** How often the endpoint that answers has changed; reads that must come from one view of the chain compare it. */
export function switchesOf(transport: Record<string, unknown>): number {
  const switches = transport['switches'];
  return typeof switches === 'function' ? (switches() as number) : 0;
}

/** What the endpoint in use said contradicts itself: another one is asked for a while, if there is one. */
export function distrustEndpoint(transport: Record<string, unknown>): void {
  const distrust = transport['distrust'];
  if (typeof distrust === 'function') distrust();
}

class EndpointPool {
  switches = 0;
  private readonly all: readonly Endpoint[];
  private last: Endpoint | undefined;
  private best = 0n;
  private probedAt = Date.now();

  constructor(
    private readonly options: EndpointsOptions,
    chain: Chain | undefined,
  ) {
    this.all = options.urls.map((url) => new Endpoint(placeOf(url), options, chain));
  }

  async request(args: Request): Promise<unknown> {
    if (this.all.length === 1) return this.all[0]!.ask(args);
    if (args.method === 'eth_sendRawTransaction') return this.everywhere(args);
    if (args.method === 'eth_blockNumber') return this.head(args);
    return this.firstOf((endpoint) => endpoint.ask(args));
  }

  /** Those that are well in the order of the list, then the others: asking a bad endpoint is better than asking none. */
  private ordered(): Endpoint[] {
    const now = Date.now();
    return [...this.all.filter((e) => e.restUntil <= now), ...this.all.filter((e) => e.restUntil > now)];
  }

  private async firstOf<T>(ask: (endpoint: Endpoint) => Promise<T>): Promise<T> {
    let failure: unknown;
    for (const endpoint of this.ordered()) {
      try {
        const answer = await ask(endpoint);
        this.answeredBy(endpoint);
        return answer;
      } catch (error) {
        if (isAboutTheRequest(error)) throw error;
        // WHY the first: what the preferred endpoint says is the likelier cause, a chain mismatch the clearer one.
        if (failure === undefined || isMismatch(error)) failure = error;
        endpoint.rest(error);
      }
    }
    throw failure;
  }

  private answeredBy(endpoint: Endpoint): void {
    if (this.last !== endpoint) this.switches++;
    this.last = endpoint;
  }

  distrust(): void {
    if (this.last) this.last.restUntil = Date.now() + DISTRUST_MS;
  }

  private async everywhere(args: Request): Promise<unknown> {
    const now = Date.now();
    const well = this.all.filter((e) => e.restUntil <= now);
    const asked = (well.length > 0 ? well : this.all).map(async (endpoint) => {
      try {
        return await endpoint.ask(args);
      } catch (error) {
        if (!isAboutTheRequest(error)) endpoint.rest(error);
        throw error;
      }
    });
    try {
      return await Promise.any(asked);
    } catch (failed) {
      const { errors } = failed as AggregateError;
      throw errors.find(isAboutTheRequest) ?? errors[0];
    }
  }

  /** The head, from an endpoint that is not behind the others; from the furthest if all are (the chain itself went back). */
  private async head(args: Request): Promise<unknown> {
    this.probeOthers();
    let furthest: bigint | undefined;
    const shown = await this.firstOf(async (endpoint) => {
      const head = await endpoint.head(args, this.best);
      if (head + MAX_LAG >= this.best) return head;
      if (furthest === undefined || head > furthest) furthest = head;
      throw new StaleEndpoint(`${endpoint.url} is at block ${head}, others are at ${this.best}`);
    }).catch((error: unknown) => {
      if (furthest === undefined) throw error;
      this.best = furthest;
      return furthest;
    });
    if (shown > this.best) this.best = shown;
    return `0x${shown.toString(16)}`;
  }

  /** Looks now and then at the heads of the endpoints not in use: the one in use may have stopped. */
  private probeOthers(): void {
    const now = Date.now();
    if (now - this.probedAt < (this.options.probeMs ?? 15_000)) return;
    this.probedAt = now;
    for (const endpoint of this.all) {
      if (endpoint === this.last || endpoint.restUntil > now) continue;
      endpoint.head({ method: 'eth_blockNumber' }, this.best).then((head) => (this.best = head > this.best ? head : this.best), (error: unknown) => endpoint.rest(error));
    }
  }
}

class StaleEndpoint extends Error {}

class Endpoint {
  restUntil = 0;
  private faults = 0;
  private verified: Promise<void> | undefined;
  /** As it may be told. */
  readonly url: string;
  private readonly send: (args: Request) => Promise<unknown>;

  constructor(
    place: Place,
    private readonly options: EndpointsOptions,
    chain: Chain | undefined,
  ) {
    this.url = place.shown;
    const transport = http(place.shown, { batch: true, retryCount: 0, timeout: options.timeoutMs ?? 10_000, fetchFn: askedOf(place) })({ chain, retryCount: 0 });
    // WHY another: what viem cannot read it throws as an error of the program; it is the endpoint that does not answer.
    this.send = (args) => transport.request(args as never).catch((error: unknown) => Promise.reject(error instanceof UnknownRpcError ? new HttpRequestError({ url: place.shown, details: 'the answer is not one to what was asked', cause: error }) : error));
  }

  async ask(args: Request): Promise<unknown> {
    this.verified ??= this.verify();
    await this.verified;
    const answer = await this.send(args);
    if (Date.now() >= this.restUntil) this.faults = 0;
    return answer;
  }

  /** The head it names; one far above `best` only if it has the block. */
  async head(args: Request, best: bigint): Promise<bigint> {
    const head = hexToBigInt((await this.ask(args)) as Hex);
    if (best > 0n && head > best + MAX_JUMP) {
      const block = (await this.ask({ method: 'eth_getBlockByNumber', params: [`0x${head.toString(16)}`, false] })) as { number?: Hex } | null;
      if (!block?.number || hexToBigInt(block.number) !== head) throw new StaleEndpoint(`${this.url} names block ${head} as its head and does not have it`);
    }
    return head;
  }

  rest(error: unknown): void {
    const pause = Math.min(REST_MS * 2 ** Math.min(this.faults++, 10), MAX_REST_MS);
    this.restUntil = Date.now() + Math.max(pause, Math.min(retryAfterMs(error), MAX_REST_MS));
    this.verified = undefined;
  }

  private async verify(): Promise<void> {
    try {
      const found = hexToNumber((await this.send({ method: 'eth_chainId' })) as Hex);
      const { chainId: expected } = this.options;
      if (found !== expected) throw new AssayError({ code: 'CHAIN_MISMATCH', message: `${this.url} is chain ${found}, the deployment is on ${expected}.`, facts: { rpcUrl: this.url, expected, found } });
    } catch (error) {
      this.verified = undefined;
      throw error;
    }
  }
}

function isMismatch(error: unknown): boolean {
  return error instanceof AssayError;
}

function retryAfterMs(error: unknown): number {
  const carrier = error instanceof BaseError ? error.walk((e) => e instanceof HttpRequestError) : null;
  const seconds = Number((carrier as HttpRequestError | null)?.headers?.get('retry-after') ?? 0);
  return Number.isFinite(seconds) ? seconds * 1_000 : 0;
}

/** What any honest node would say to the same request: asking another one is useless. */
const REQUEST_FAULTS = /revert|nonce|already known|already imported|underpriced|insufficient funds|intrinsic gas|gas required|out of gas|max fee|max priority fee|fee cap|gas limit|execution/i;
/** How providers say, in an answer that looks like any other, that somebody asks too often: another one may be asked. */
const RATE_LIMIT = /too many requests|rate.?limit|request (rate|limit|count)|requests? (per|limit)|per second|\brps\b|compute units|throttl|quota/i;
/** How nodes say that a log query asks for too much; it is to be split, not to be asked elsewhere. */
const TOO_MUCH = /block range|ranges? over|range (is )?too|too (large|wide|many)|more than \d+|response size|query (timeout|exceed)|exceeds? .*(range|limit|max)|limited to|up to a [\d,]+ block/i;

export function isTooLargeQuery(error: unknown): boolean {
  const said = answerOf(error);
  return said !== undefined && !RATE_LIMIT.test(said.details) && TOO_MUCH.test(said.details);
}

export function isAboutTheRequest(error: unknown): boolean {
  const said = answerOf(error);
  if (said === undefined || RATE_LIMIT.test(said.details)) return false;
  return said.code === 3 || REQUEST_FAULTS.test(said.details) || TOO_MUCH.test(said.details);
}

/** The JSON-RPC error inside what viem threw, if the endpoint answered with one. */
function answerOf(error: unknown): RpcRequestError | undefined {
  if (!(error instanceof BaseError)) return undefined;
  return (error.walk((e) => e instanceof RpcRequestError) as RpcRequestError | null) ?? undefined;
}
