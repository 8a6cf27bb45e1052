import { Counter, Histogram, type Registry } from '#platform';

export interface ExecutorMetrics {
  /** @param result 'claimed' or the failure's code */
  answered(result: string, ms: number): void;
}

export function executorMetrics(registry: Registry): ExecutorMetrics {
  const jobs = new Counter({ name: 'assay_executor_jobs_total', help: 'Jobs received, by result', labelNames: ['result'], registers: [registry] });
  const seconds = new Histogram({ name: 'assay_executor_job_seconds', help: 'Time from job to answer', buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60], registers: [registry] });
  return {
    answered: (result, ms) => {
      jobs.inc({ result });
      seconds.observe(ms / 1000);
    },
  };
}
