import type { LoggerService } from '@nestjs/common';
import type { Logger } from 'pino';

/** What Nest itself has to say, in our log: its routine at debug, its complaints as they are. */
export class NestLog implements LoggerService {
  constructor(private readonly target: Logger) {}

  log(message: unknown): void {
    this.target.debug({ event: 'nest' }, String(message));
  }

  warn(message: unknown): void {
    this.target.warn({ event: 'nest' }, String(message));
  }

  error(message: unknown): void {
    this.target.error({ event: 'nest', ...(message instanceof Error ? { err: message } : {}) }, String(message));
  }
}
