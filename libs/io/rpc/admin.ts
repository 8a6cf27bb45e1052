import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { isAddress, type Address } from 'viem';
import { z } from 'zod';
import { parseMessage } from './messages.js';
import { makeStubs, type ClientTls } from './grpc-calls.js';
import { fromStatus } from './status.js';

export const drainMessage = z.object({ draining: z.boolean() });
export const quarantineMessage = z.object({ executor: z.custom<Address>((v) => typeof v === 'string' && isAddress(v), 'not an address'), quarantined: z.boolean() });
const statusMessage = z.object({ draining: z.boolean(), roles: z.array(z.string()), quarantined: z.array(z.string()), jobs: z.record(z.string(), z.number()) });

export type AdminStatus = z.infer<typeof statusMessage>;
export type AdminUnary = (message: unknown, metadata: Metadata, options: { deadline: number }, done: (error: ServiceError | null, reply: unknown) => void) => void;

const CALL_MS = 10_000;

/** assay.v1.Admin of one coordinator process. @throws AssayError ADMIN_REFUSED */
export class AdminClient {
  private readonly stubs;
  private readonly metadata = new Metadata();

  constructor(
    private readonly target: string,
    { token, tls }: { readonly token: string; readonly tls?: ClientTls | undefined },
  ) {
    this.stubs = makeStubs(target, tls);
    this.metadata.set('authorization', `Bearer ${token}`);
  }

  status(): Promise<AdminStatus> {
    return this.call('Status', {});
  }

  drain(draining: boolean): Promise<AdminStatus> {
    return this.call('Drain', { draining });
  }

  quarantine(executor: Address, quarantined: boolean): Promise<AdminStatus> {
    return this.call('Quarantine', { executor, quarantined });
  }

  close(): void {
    for (const stub of Object.values(this.stubs)) stub.close();
  }

  private call(method: 'Status' | 'Drain' | 'Quarantine', message: object): Promise<AdminStatus> {
    const { Admin } = this.stubs;
    return new Promise((resolve, reject) => Admin[method](message, this.metadata, { deadline: Date.now() + CALL_MS }, (error, reply) => (error ? reject(fromStatus(error, this.target)) : resolve(parseMessage(statusMessage, reply, 'AdminStatus')))));
  }
}
