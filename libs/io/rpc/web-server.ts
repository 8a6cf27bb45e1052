import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { AssayError } from '#core/protocol';
import { UNAVAILABLE } from './call-error.js';
import { PEER_KEY } from './callers.js';
import { tlsFiles, type ServerTls } from './pem.js';
import { MAX_CONNECTIONS } from './sizes.js';
import { trailersFrame, WEB_TYPE } from './web-frames.js';

export interface WebOptions {
  readonly listen: { readonly host: string; readonly port: number };
  /** Of pages that may call, as browsers name them (https://example.org); '*' for any. */
  readonly origins: readonly string[];
  /** Full names; others are not there. */
  readonly services: readonly string[];
  /** A connection to the gRPC server. */
  readonly open: () => ClientHttp2Session;
  readonly tls?: ServerTls | undefined;
}

const PREFLIGHT_SECONDS = '7200';
const ALLOWED_HEADERS = 'content-type, grpc-timeout, x-grpc-web, x-user-agent';
const NGHTTP2_CANCEL = 8;

/**
 * gRPC-Web (grpc/grpc, doc/PROTOCOL-WEB.md, binary form) in front of a gRPC server: bodies are the same, frame by frame; trailers become
 * the last frame. Nothing is decoded or kept here.
 */
export class WebServer {
  private readonly sessions = new WeakMap<Socket, ClientHttp2Session>();
  private readonly server: Server;
  private refusing = false;

  constructor(private readonly options: WebOptions) {
    const { tls } = options;
    const answer = (request: IncomingMessage, response: ServerResponse) => this.answer(request, response);
    this.server = tls ? createTlsServer(tlsFiles(tls), answer) : createServer(answer);
    this.server.maxConnections = MAX_CONNECTIONS;
  }

  /** @throws AssayError PORT_BUSY */
  listen(): Promise<void> {
    const { host, port } = this.options.listen;
    return new Promise((resolve, reject) => {
      this.server.once('error', (cause) => reject(new AssayError({ code: 'PORT_BUSY', message: `cannot listen on ${host}:${port}`, facts: { host, port, reason: cause.message }, cause })));
      this.server.listen({ host, port, exclusive: true }, () => resolve());
    });
  }

  /** Passes nothing on from here on; what was passed on is answered until `close`. */
  refuse(): void {
    this.refusing = true;
  }

  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    return closed;
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const refused = this.refusal(request);
    const { origin } = request.headers;
    if (origin !== undefined && refused !== 403) allow(response, origin);
    if (refused !== undefined) return void response.writeHead(refused).end();
    if (this.refusing) return void response.writeHead(200, { 'content-type': WEB_TYPE }).end(brokenOff());
    forward(this.sessionOf(request.socket), request, response);
  }

  /** The status of a request that is not passed on; 204 for the browser's own question first. */
  private refusal({ method, url = '', headers }: IncomingMessage): number | undefined {
    const { origins, services } = this.options;
    if (headers.origin !== undefined && !origins.includes('*') && !origins.includes(headers.origin)) return 403;
    if (method === 'OPTIONS') return 204;
    if (!services.some((service) => url.startsWith(`/${service}/`))) return 404;
    if (method !== 'POST') return 405;
    return headers['content-type'] === WEB_TYPE || headers['content-type'] === 'application/grpc-web' ? undefined : 415;
  }

  /** WHY one for each connection: a page that does not read holds up nobody else. */
  private sessionOf(socket: Socket): ClientHttp2Session {
    const known = this.sessions.get(socket);
    if (known && !known.closed && !known.destroyed) return known;
    const session = this.options.open();
    session.on('error', () => undefined);
    socket.once('close', () => session.close());
    this.sessions.set(socket, session);
    return session;
  }
}

function allow(response: ServerResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('vary', 'origin');
  response.setHeader('access-control-allow-methods', 'POST');
  response.setHeader('access-control-allow-headers', ALLOWED_HEADERS);
  response.setHeader('access-control-max-age', PREFLIGHT_SECONDS);
}

function forward(session: ClientHttp2Session, request: IncomingMessage, response: ServerResponse): void {
  const timeout = request.headers['grpc-timeout'];
  const headers = { ':method': 'POST', ':path': request.url, 'content-type': 'application/grpc+proto', te: 'trailers', [PEER_KEY]: request.socket.remoteAddress ?? '', ...(timeout && { 'grpc-timeout': timeout }) };
  const call = session.request(headers);
  let trailers: IncomingHttpHeaders = {};
  call.on('response', (found) => {
    trailers = found;
    response.writeHead(200, { 'content-type': WEB_TYPE }).flushHeaders();
  });
  call.on('trailers', (found) => (trailers = found));
  call.on('error', () => undefined);
  call.on('close', () => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': WEB_TYPE });
    response.end('grpc-status' in trailers ? trailersFrame(trailers) : brokenOff());
  });
  response.on('close', () => call.close(NGHTTP2_CANCEL));
  call.pipe(response, { end: false });
  request.pipe(call);
}

function brokenOff(): Uint8Array {
  return trailersFrame({ 'grpc-status': String(UNAVAILABLE), 'grpc-message': 'the call broke off' });
}
