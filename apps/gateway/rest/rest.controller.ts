import type { IncomingMessage, ServerResponse } from 'node:http';
import { All, Controller, Inject, Req, Res } from '@nestjs/common';
import { AssayError, asAssayError, ERROR_CODES, type StatusName } from '#core/protocol';
import type { Logger } from '#platform';
import { InferenceService } from '../inference/inference.service.js';
import { SERVER } from '../inference/server-info.js';
import { Statistics } from '../inference/statistics.js';
import { configOf, indexOf, metadataOf, statisticsOf } from '../models/descriptions.js';
import { ModelDirectory } from '../models/directory.js';
import { compressed, readBody } from './body.js';
import { encodeInfer, parseInfer } from './messages.js';
import { findRoute, type Route } from './routes.js';

/** Where a call's log goes. */
export const LOG = Symbol('log');

interface Reply {
  readonly status: number;
  readonly body: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The protocol's REST form: routes, parses, calls the use case, encodes. */
@Controller()
export class RestController {
  constructor(
    @Inject(InferenceService) private readonly inference: InferenceService,
    @Inject(ModelDirectory) private readonly directory: ModelDirectory,
    @Inject(Statistics) private readonly statistics: Statistics,
    @Inject(LOG) private readonly log: Logger,
  ) {}

  @All('*path')
  async handle(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const reply = await this.reply(request, gone.signal).catch((error: unknown) => this.failure(error));
    const { body, encoding } = await compressed(reply.body, reply.status === 200 ? request.headers['accept-encoding'] : undefined);
    response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers, ...(encoding ? { 'content-encoding': encoding } : {}), 'content-length': String(body.length) });
    response.end(body);
    // WHY: what is left of a body that was refused half way must not be taken for the next request.
    if (!request.complete) request.destroy();
  }

  private async reply(request: IncomingMessage, gone: AbortSignal): Promise<Reply> {
    const path = new URL(request.url ?? '/', 'http://gateway').pathname;
    const { route, otherMethod } = findRoute(request.method ?? 'GET', path);
    if (route) return this.perform(route, request, gone);
    const message = otherMethod ? `${path} is not called by ${request.method}` : `there is no ${path} here`;
    return jsonReply({ error: message }, otherMethod ? 405 : 404);
  }

  private async perform(route: Route, request: IncomingMessage, gone: AbortSignal): Promise<Reply> {
    switch (route.kind) {
      case 'live':
        return jsonReply({ live: true });
      case 'ready':
        return readiness(this.inference.isOpen && (await this.directory.serverReady()), { live: true });
      case 'server':
        return jsonReply(SERVER);
      case 'index':
        return jsonReply(await indexOf(this.directory, isReadyOnly(await readBody(request))));
      case 'all-statistics':
        return jsonReply({ model_stats: (await this.directory.all()).map((model) => this.statisticsOf(model)) });
      case 'metadata':
        return jsonReply(metadataOf(await this.directory.find(route.model, route.version)));
      case 'model-ready':
        return readiness(await this.directory.modelReady(route.model, route.version), { name: route.model });
      case 'config':
        return jsonReply(configOf(await this.directory.find(route.model, route.version)));
      case 'statistics':
        return jsonReply({ model_stats: [this.statisticsOf(await this.directory.find(route.model, route.version))] });
      case 'infer':
        return this.infer(route, request, gone);
    }
  }

  private async infer({ model, version }: { model: string; version: string }, request: IncomingMessage, gone: AbortSignal): Promise<Reply> {
    const headerLength = lengthHeader(request.headers['inference-header-content-length']);
    const parsed = parseInfer(await readBody(request), { headerLength, model, version });
    const response = await this.inference.infer(parsed.request, { authorization: request.headers.authorization, gone });
    const encoded = encodeInfer(response, parsed.binary);
    if (encoded.headerLength === undefined) return { status: 200, body: encoded.body };
    return { status: 200, body: encoded.body, headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(encoded.headerLength) } };
  }

  private statisticsOf(model: Parameters<typeof statisticsOf>[0]) {
    return statisticsOf(model, this.statistics.of(model.model.modelId));
  }

  /** The protocol's error object; beside it what our errors have in every other place. */
  private failure(thrown: unknown): Reply {
    const error = asAssayError(thrown);
    if (error.kind === 'broken') this.log.error({ event: 'call.broken', err: thrown }, 'a call failed unexpectedly');
    const shown = thrown instanceof AssayError ? error : new AssayError({ code: 'INTERNAL' });
    const { message, ...rest } = shown.toJSON();
    return { ...jsonReply({ error: `${shown.code}: ${message}`, ...rest }, HTTP_STATUS[ERROR_CODES[shown.code].grpc]), headers: shown.code.startsWith('KEY_') ? { 'www-authenticate': 'Bearer' } : {} };
  }
}

/** As google.rpc.Code maps them (googleapis, google/rpc/code.proto). */
const HTTP_STATUS: Readonly<Record<StatusName, number>> = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  ABORTED: 409,
  RESOURCE_EXHAUSTED: 429,
  UNIMPLEMENTED: 501,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
  INTERNAL: 500,
};

function jsonReply(document: unknown, status = 200): Reply {
  return { status, body: Buffer.from(JSON.stringify(document)) };
}

/** WHY by status too: probes look at nothing else. */
function readiness(ready: boolean, document: Record<string, unknown>): Reply {
  return jsonReply({ ...document, ready }, ready ? 200 : 503);
}

function lengthHeader(value: string | string[] | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && /^\d{1,9}$/.test(value)) return Number(value);
  throw new AssayError({ code: 'MESSAGE_MALFORMED', message: 'the header inference-header-content-length is not a length', facts: { value } });
}

function isReadyOnly(body: Uint8Array): boolean {
  try {
    return body.length > 0 && (JSON.parse(Buffer.from(body).toString()) as { ready?: unknown } | null)?.ready === true;
  } catch (cause) {
    throw new AssayError({ code: 'MESSAGE_MALFORMED', message: 'the body is not JSON', facts: { message: 'repository index request' }, cause });
  }
}
