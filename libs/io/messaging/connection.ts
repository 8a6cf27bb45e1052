import { AuthorizationError, connect, nkeyAuthenticator, UserAuthenticationExpiredError, type NatsConnection } from '@nats-io/transport-node';
import type { Address } from 'viem';
import { AssayError } from '#core/protocol';
import { inboxPrefix, type BrokerRole } from './permissions.js';

export interface ConnectionOptions {
  /** One server, or several of a cluster separated by commas. */
  readonly url: string;
  /** nkey seed of the user that this process is at the broker. */
  readonly seed: string;
  readonly role: BrokerRole;
  readonly address: Address;
  /** Files for a broker with TLS; its certificate is checked in any case. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
}

const CONNECT_TIMEOUT_MS = 5_000;
/** After a broken connection: this many attempts in all, one a second at each server, then the process is told that it is over. */
const RECONNECT_ATTEMPTS = 60;
const RECONNECT_WAIT_MS = 1_000;
/** WHY so often: a link that is cut says nothing; two pings without an answer, and another server is looked for. */
const PING_EVERY_MS = 5_000;
const PINGS_UNANSWERED = 2;

/**
 * One attempt to connect.
 * @throws AssayError BROKER_REFUSED if the server does not take the credential, BROKER_UNREACHABLE otherwise
 */
export async function connectBroker(options: ConnectionOptions): Promise<NatsConnection> {
  const servers = options.url.split(',').map((server) => server.trim());
  const secure = options.tls !== undefined || servers.some((server) => server.startsWith('tls:'));
  try {
    return await connect({
      servers,
      ...(secure ? { tls: { ...options.tls } } : {}),
      authenticator: nkeyAuthenticator(new TextEncoder().encode(options.seed)),
      inboxPrefix: inboxPrefix(options.role, options.address),
      name: `assay-${options.role}-${options.address.toLowerCase()}`,
      timeout: CONNECT_TIMEOUT_MS,
      maxReconnectAttempts: Math.ceil(RECONNECT_ATTEMPTS / servers.length),
      reconnectTimeWait: RECONNECT_WAIT_MS,
      pingInterval: PING_EVERY_MS,
      maxPingOut: PINGS_UNANSWERED,
    });
  } catch (cause) {
    const refused = isRefusal(cause);
    throw new AssayError({ code: refused ? 'BROKER_REFUSED' : 'BROKER_UNREACHABLE', facts: { url: options.url, role: options.role, address: options.address, reason: reasonOf(cause, secure) }, cause });
  }
}

function isRefusal(cause: unknown): boolean {
  if (cause instanceof AuthorizationError || cause instanceof UserAuthenticationExpiredError) return true;
  return cause instanceof Error && cause.cause !== undefined && isRefusal(cause.cause);
}

/** The innermost message: what TLS or the socket said. */
function reasonOf(cause: unknown, secure: boolean): string {
  if (!(cause instanceof Error)) return String(cause);
  if (cause.cause instanceof Error) return reasonOf(cause.cause, secure);
  // WHY: with TLS 1.3 a server refuses a certificate after the client's handshake is over, and the client library drops its alert.
  return secure && cause.message === 'timeout' ? 'the TLS handshake was not completed: the broker does not accept this certificate, or asks for one' : cause.message;
}
