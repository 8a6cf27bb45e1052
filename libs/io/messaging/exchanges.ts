import { z } from 'zod';
import {
  answerSchema,
  asAssayError,
  AssayError,
  claimsPageSchema,
  claimsQuerySchema,
  failureSchema,
  helloReplySchema,
  helloSchema,
  inputsQuerySchema,
  inputsReplySchema,
  isErrorCode,
  jobSchema,
  modelQuerySchema,
  modelReplySchema,
  type Failure,
} from '#core/protocol';

/** The two halves of a request: what is asked and what comes back. */
export interface Exchange<Query, Reply> {
  readonly query: z.ZodType<Query>;
  readonly reply: z.ZodType<Reply>;
}

const exchange = <Query, Reply>(query: z.ZodType<Query>, reply: z.ZodType<Reply>): Exchange<Query, Reply> => ({ query, reply });

export const JOB = exchange(jobSchema, answerSchema);
export const HELLO = exchange(helloSchema, helloReplySchema);
export const CLAIMS = exchange(claimsQuerySchema, claimsPageSchema);
export const INPUTS = exchange(inputsQuerySchema, inputsReplySchema);
export const MODEL = exchange(modelQuerySchema, modelReplySchema);

/** What a server answers when it cannot answer: the same form in every exchange. */
export const failureReplySchema = z.strictObject({ failure: failureSchema });

export function failureOf(error: unknown): Failure {
  const { code, message } = asAssayError(error);
  return { code, message: message.slice(0, 2048) };
}

/** The good half of a reply; a failure is thrown under its own code if that is one of ours. */
export function succeeded<Reply extends object>(reply: Reply): Exclude<Reply, { failure: Failure }> {
  if (!('failure' in reply)) return reply as Exclude<Reply, { failure: Failure }>;
  const failure = reply.failure as Failure;
  throw new AssayError({ code: isErrorCode(failure.code) ? failure.code : 'INTERNAL', message: failure.message, facts: { answeredCode: failure.code } });
}
