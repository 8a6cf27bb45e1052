import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { map, type Observable } from 'rxjs';
import { encodeJob, getJobMessage, parseMessage, submitMessage, watchJobMessage } from '#io/rpc';
import { JobsService } from './jobs.service.js';

/** assay.v1.Jobs: parses at the edge, calls the use case, encodes. */
@Controller()
export class JobsController {
  constructor(@Inject(JobsService) private readonly jobs: JobsService) {}

  @GrpcMethod('Jobs', 'Submit')
  async submit(message: unknown) {
    const { waitMs, ...submission } = parseMessage(submitMessage, message, 'SubmitRequest');
    return encodeJob(await this.jobs.submit(submission, waitMs));
  }

  @GrpcMethod('Jobs', 'Get')
  async get(message: unknown) {
    const { jobId, withOutputs } = parseMessage(getJobMessage, message, 'GetJobRequest');
    return encodeJob(await this.jobs.get(jobId, withOutputs));
  }

  @GrpcMethod('Jobs', 'Watch')
  watch(message: unknown): Observable<ReturnType<typeof encodeJob>> {
    return this.jobs.watch(parseMessage(watchJobMessage, message, 'WatchJobRequest').jobId).pipe(map(encodeJob));
  }
}
