import { AssayError } from '#core/protocol';

/** Of Prisma: not reached, timed out, connection closed, no connection in time, a transaction that lost its connection. */
const PRISMA_CODES = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028']);
/** Of PostgreSQL: connection exceptions, too many connections, shutdown, crash, not yet accepting; and of the socket. */
const CAUSES = /\b(08[0-9A-Z]{3}|53300|57P0[1-4]|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT)\b|Connection terminated|is not queryable|Can't reach database server|the database system is|connection timeout|Query read timeout|timeout exceeded when trying to connect|timeout expired/;

/** A store whose methods say DATABASE_UNREACHABLE when it is the server that failed, and not what was asked of it. */
export function saysOutage<T extends object>(store: T): T {
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        const result: unknown = member.apply(target, args);
        return result instanceof Promise ? result.catch((error: unknown) => Promise.reject(outageOr(error))) : result;
      };
    },
  });
}

/** SAFETY: what the driver says holds statements and addresses; callers far away are told the code only. */
function outageOr(error: unknown): unknown {
  return isOutage(error) ? new AssayError({ code: 'DATABASE_UNREACHABLE', cause: error }) : error;
}

/** Whether an error of the driver says that the server failed. */
export function isOutage(error: unknown): boolean {
  if (error instanceof AssayError || !(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return (typeof code === 'string' && (PRISMA_CODES.has(code) || CAUSES.test(code))) || CAUSES.test(error.message);
}
