import { z } from 'zod';
import { requestSchema, type Request } from '#core/protocol';
import { DTYPES, type Dtype } from '#core/hashing';
import type { Prisma } from './generated/client.js';

/** JSON columns: whole numbers as decimal text, since JSON has no integers of 128 bits. */
const decimal = z.string().regex(/^\d{1,39}$/).transform(BigInt);

const storedRequest = z
  .object({ ...requestSchema.shape, maxFee: decimal, insuredValue: decimal, deadline: decimal, nonce: decimal })
  .pipe(requestSchema);

const storedTotals = z.array(z.object({ executor: requestSchema.shape.submitter, fees: decimal, insuredValue: decimal }));
const storedCharges = z.array(z.object({ submitter: requestSchema.shape.submitter, amount: decimal }));

const tensorSpecs = z.array(z.object({ name: z.string(), dtype: z.enum(Object.keys(DTYPES) as [Dtype, ...Dtype[]]), dims: z.array(z.number()) }));
const storedSignature = z.object({ inputs: tensorSpecs, outputs: tensorSpecs });

export type ModelSignature = z.infer<typeof storedSignature>;
export type ExecutorTotal = z.infer<typeof storedTotals>[number];
export type Charge = z.infer<typeof storedCharges>[number];

export function toJson(value: unknown): Prisma.InputJsonValue {
  return JSON.parse(JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? v.toString() : v))) as Prisma.InputJsonValue;
}

export const readRequest = (json: unknown): Request => storedRequest.parse(json);
export const readTotals = (json: unknown): ExecutorTotal[] => storedTotals.parse(json);
export const readCharges = (json: unknown): Charge[] => storedCharges.parse(json);
export const readSignature = (json: unknown): ModelSignature => storedSignature.parse(json);

/** A Decimal column as bigint. */
export function wei(value: { toFixed(): string } | null | undefined): bigint {
  return value ? BigInt(value.toFixed()) : 0n;
}
