import type { Yaml } from './yaml.js';

export interface Alert {
  readonly name: string;
  readonly expr: string;
  readonly for: string;
  readonly severity: 'page' | 'ticket';
  readonly summary: string;
}

/** Each has a section of its name in docs/operations.md. */
export const ALERTS: readonly Alert[] = [
  { name: 'AssayProcessDown', expr: 'up{job="assay"} == 0', for: '1m', severity: 'page', summary: '{{ $labels.instance }} does not answer' },
  { name: 'AssayUnhealthy', expr: 'assay_healthy == 0', for: '2m', severity: 'page', summary: '{{ $labels.process }} {{ $labels.instance }}: {{ $labels.check }} is not well' },
  { name: 'AssayRoleNotHeld', expr: 'max by (role) (assay_role_held) == 0', for: '30s', severity: 'page', summary: 'no coordinator does {{ $labels.role }}' },
  { name: 'AssayNoExecutor', expr: 'max(assay_peers{role="executor"}) == 0', for: '1m', severity: 'page', summary: 'no executor is there' },
  { name: 'AssayNoChallenger', expr: 'max(assay_peers{role="challenger"}) == 0', for: '10m', severity: 'ticket', summary: 'no challenger is there: nobody checks' },
  { name: 'AssayJobsWait', expr: 'max(assay_jobs_oldest_seconds{state="accepted"}) > 60', for: '1m', severity: 'page', summary: 'a job has waited a minute for an executor' },
  { name: 'AssayBatchesDoNotLand', expr: 'max(assay_jobs_oldest_seconds{state="answered"}) > 300', for: '1m', severity: 'page', summary: 'answered jobs are in no batch on chain' },
  { name: 'AssayRefusing', expr: 'sum(rate(assay_submissions_total{result=~"QUEUE_FULL|RATE_LIMITED"}[5m])) > 1', for: '5m', severity: 'ticket', summary: 'submissions are refused for want of room' },
  { name: 'AssayFailing', expr: 'sum(rate(assay_submissions_total{result=~"JOB_FAILED|INTERNAL|DATABASE_UNREACHABLE|CHAIN_UNREACHABLE"}[5m])) > 0.1', for: '5m', severity: 'page', summary: 'submissions fail' },
  { name: 'AssayExecutorFailing', expr: 'sum by (instance) (rate(assay_executor_jobs_total{result!="claimed"}[10m])) > sum by (instance) (rate(assay_executor_jobs_total{result="claimed"}[10m]))', for: '10m', severity: 'ticket', summary: '{{ $labels.instance }} fails more jobs than it answers' },
  { name: 'AssayMoveDue', expr: 'assay_player_unanswered_games > 0 and assay_player_next_deadline_seconds - time() < 1800', for: '0m', severity: 'page', summary: '{{ $labels.instance }} loses a dispute within half an hour unless it moves' },
  { name: 'AssayMovesFail', expr: 'increase(assay_player_failures_total[15m]) > 3', for: '0m', severity: 'page', summary: 'moves of {{ $labels.instance }} do not go through' },
  { name: 'AssayDisputeLost', expr: 'increase(assay_player_ended_games_total{result="lost"}[1h]) > 0', for: '0m', severity: 'page', summary: '{{ $labels.instance }} lost a dispute' },
  { name: 'AssayInvalidClaim', expr: 'increase(assay_challenger_checks_total{verdict="invalid"}[1h]) > 0', for: '0m', severity: 'ticket', summary: '{{ $labels.instance }} found a claim that is wrong' },
  { name: 'AssayUnknownClaims', expr: 'increase(assay_challenger_checks_total{verdict="unknown"}[1h]) > 10', for: '0m', severity: 'ticket', summary: '{{ $labels.instance }} cannot check what it drew' },
  { name: 'AssayNoBonds', expr: 'assay_challenger_affordable_disputes < 1', for: '5m', severity: 'page', summary: '{{ $labels.instance }} cannot pay the bond of a dispute' },
  { name: 'AssayLowEther', expr: 'assay_account_ether < 0.05', for: '5m', severity: 'page', summary: '{{ $labels.instance }} can hardly pay for transactions' },
];

export function alertRules(): Yaml {
  return { groups: [{ name: 'assay', rules: ALERTS.map(({ name, expr, for: lasts, severity, summary }) => ({ alert: name, expr, for: lasts, labels: { severity }, annotations: { summary, runbook: `docs/operations.md#${name.toLowerCase()}` } })) }] };
}

/** Names of our metrics in an expression, as the processes call them: a histogram's or counter's own. */
export function metricsIn(expr: string): string[] {
  return [...expr.matchAll(/\bassay_[a-z_]+/g)].map(([name]) => name);
}
