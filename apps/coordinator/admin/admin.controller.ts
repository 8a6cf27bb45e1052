import { createHash, timingSafeEqual } from 'node:crypto';
import type { Metadata, ServerUnaryCall } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { callerOf, drainMessage, parseMessage, quarantineMessage } from '#io/rpc';
import { AdminService } from './admin.service.js';

/** assay.v1.Admin: nothing happens before the token is checked. */
@Controller()
export class AdminController {
  constructor(@Inject(AdminService) private readonly admin: AdminService) {}

  @GrpcMethod('Admin', 'Status')
  status(_message: unknown, metadata: Metadata, call: ServerUnaryCall<unknown, unknown>) {
    this.requireAdmin(metadata, call);
    return this.admin.status();
  }

  @GrpcMethod('Admin', 'Drain')
  drain(message: unknown, metadata: Metadata, call: ServerUnaryCall<unknown, unknown>) {
    this.requireAdmin(metadata, call);
    return this.admin.drain(parseMessage(drainMessage, message, 'DrainRequest').draining);
  }

  @GrpcMethod('Admin', 'Quarantine')
  quarantine(message: unknown, metadata: Metadata, call: ServerUnaryCall<unknown, unknown>) {
    this.requireAdmin(metadata, call);
    const { executor, quarantined } = parseMessage(quarantineMessage, message, 'QuarantineRequest');
    return this.admin.quarantine(executor, quarantined);
  }

  /** SAFETY: hashes are compared, in time that depends on neither; guesses are limited by caller. */
  private requireAdmin(metadata: Metadata, call: ServerUnaryCall<unknown, unknown>): void {
    const { tokenHash, guesses } = this.admin.parts;
    const { peer } = callerOf(call);
    guesses.take(peer);
    const token = /^Bearer (.{1,512})$/.exec(String(metadata.get('authorization')[0] ?? ''))?.[1];
    const given = createHash('sha256').update(token ?? '').digest();
    if (tokenHash === undefined || token === undefined || !timingSafeEqual(given, Buffer.from(tokenHash, 'hex'))) throw this.admin.refusal(peer);
  }
}
