import type { Metadata, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { map, type Observable } from 'rxjs';
import { callerOf, encodeJob, getJobMessage, parseMessage, readAtLeast, submitMessage, watchJobMessage } from '#io/rpc';
import { JobsService } from './jobs.service.js';

/** assay.v1.Jobs: parses at the edge, calls the use case, encodes. */
@Controller()
export class JobsController {
  constructor(@Inject(JobsService) private readonly jobs: JobsService) {}

  @GrpcMethod('Jobs', 'Submit')
  async submit(message: unknown, _metadata: Metadata, call: ServerUnaryCall<unknown, unknown>) {
    const { waitMs, ...submission } = parseMessage(submitMessage, message, 'SubmitRequest');
    return encodeJob(await this.jobs.submit(submission, waitMs, callerOf(call)));
  }

  @GrpcMethod('Jobs', 'Get')
  async get(message: unknown) {
    const { jobId, withOutputs } = parseMessage(getJobMessage, message, 'GetJobRequest');
    return encodeJob(await this.jobs.get(jobId, withOutputs));
  }

  @GrpcMethod('Jobs', 'Watch')
  watch(message: unknown, _metadata: Metadata, call: ServerWritableStream<unknown, unknown>): Observable<ReturnType<typeof encodeJob>> {
    return this.jobs.watch(parseMessage(watchJobMessage, message, 'WatchJobRequest').jobId).pipe(map(encodeJob), readAtLeast(call));
  }
}
