import { Controller, Inject } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import type { z } from 'zod';
import { cancelSchema, type Answer, type Job } from '#core/protocol';
import { JOB } from '#io/messaging';
import { JobAnswering } from './job-answering.js';

/** Messages in work at once, of which `capacity` execute and the others are answered that it is exhausted. */
const MAX_IN_FLIGHT = 256;

@Controller()
export class JobController {
  constructor(@Inject(JobAnswering) private readonly answering: JobAnswering) {}

  @MessagePattern('assay.job.{self}', { exchange: JOB, maxInFlight: MAX_IN_FLIGHT })
  answer(job: Job): Promise<Answer> {
    return this.answering.answer(job);
  }

  @EventPattern('assay.cancel.{self}', { schema: cancelSchema, maxInFlight: MAX_IN_FLIGHT })
  callOff({ jobId }: z.infer<typeof cancelSchema>): void {
    this.answering.callOff(jobId);
  }
}
