import type { Metadata, ServerDuplexStream, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { Controller, Inject, UseInterceptors } from '@nestjs/common';
import { GrpcMethod, GrpcStreamCall } from '@nestjs/microservices';
import { map, type Observable } from 'rxjs';
import { AssayError } from '#core/protocol';
import { callerOf, cancelJobMessage, encodeFault, encodeJob, getJobMessage, listJobsMessage, parseMessage, readAtLeast, submitMessage, submitStreamMessage, toFault, watchJobMessage } from '#io/rpc';
import { CallerLimit } from './caller-limit.js';
import { JobsService, type Caller } from './jobs.service.js';
import { answerStream } from './submit-stream.js';

/** assay.v1.Jobs: parses at the edge, calls the use case, encodes. */
@Controller()
export class JobsController {
  constructor(@Inject(JobsService) private readonly jobs: JobsService) {}

  @GrpcMethod('Jobs', 'Submit')
  async submit(message: unknown, _metadata: Metadata, call: ServerUnaryCall<unknown, unknown>) {
    return this.answer(message, callerOf(call));
  }

  /** SAFETY: answers every message and never throws: what such a method throws, nobody handles. */
  @GrpcStreamCall('Jobs', 'SubmitStream')
  submitStream(call: ServerDuplexStream<unknown, unknown>): Promise<void> {
    const caller = callerOf(call);
    return answerStream(call, async (message) => {
      const { tag, submit } = parseMessage(submitStreamMessage, message, 'SubmitStreamRequest');
      try {
        return { tag, job: await this.answer(submit, caller) };
      } catch (error) {
        return { tag, fault: encodeFault(toFault(error)) };
      }
    }, this.jobs.stopping);
  }

  @GrpcMethod('Jobs', 'Get')
  @UseInterceptors(CallerLimit)
  async get(message: unknown) {
    const { jobId, withOutputs, withInputs, access } = parseMessage(getJobMessage, message, 'GetJobRequest');
    if (withInputs && !access) throw new AssayError({ code: 'ACCESS_DENIED', message: 'with_inputs needs access', facts: { jobId } });
    return encodeJob(await this.jobs.get(jobId, withOutputs, withInputs && access ? access : undefined));
  }

  @GrpcMethod('Jobs', 'Watch')
  @UseInterceptors(CallerLimit)
  watch(message: unknown, _metadata: Metadata, call: ServerWritableStream<unknown, unknown>): Observable<ReturnType<typeof encodeJob>> {
    return this.jobs.watch(parseMessage(watchJobMessage, message, 'WatchJobRequest').jobId).pipe(map(encodeJob), readAtLeast(call));
  }

  @GrpcMethod('Jobs', 'Cancel')
  @UseInterceptors(CallerLimit)
  async cancel(message: unknown) {
    const { jobId, access } = parseMessage(cancelJobMessage, message, 'CancelJobRequest');
    return encodeJob(await this.jobs.giveUp(jobId, access));
  }

  @GrpcMethod('Jobs', 'List')
  @UseInterceptors(CallerLimit)
  async list(message: unknown) {
    const { access, pageSize: limit, pageToken, states, modelId } = parseMessage(listJobsMessage, message, 'ListJobsRequest');
    const { jobs, nextPageToken } = await this.jobs.list(access, { states, modelId, limit }, pageToken);
    return { jobs: jobs.map(encodeJob), nextPageToken };
  }

  private async answer(message: unknown, caller: Caller) {
    const { waitMs, ...submission } = parseMessage(submitMessage, message, 'SubmitRequest');
    return encodeJob(await this.jobs.submit(submission, waitMs, caller));
  }
}
