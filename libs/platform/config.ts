import { z } from 'zod';
import { AssayError } from '#core/protocol';
import { readText, unlocked } from './keystore.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Attaches the example that a faulty value's report shows. Apply last, after optional() or default(). */
export function variable<T extends z.ZodType>(schema: T, example: string): T {
  return schema.meta({ ...schema.meta(), example });
}

/** A variable whose value nobody else may see: NAME_FILE may name a file that holds it instead. */
export function secret<T extends z.ZodType>(schema: T, example: string): T {
  return variable(schema.meta({ ...schema.meta(), secret: true }), example);
}

/** Every name that `readConfig` looks at for this schema. */
export function variablesOf(schema: z.ZodObject): string[] {
  const keystore = 'ASSAY_PRIVATE_KEY' in schema.shape ? ['ASSAY_KEYSTORE', 'ASSAY_KEYSTORE_PASSWORD_FILE'] : [];
  return Object.keys(schema.shape).flatMap((name) => (isSecret(schema, name) ? [name, `${name}_FILE`] : [name])).concat(keystore);
}

interface Fault {
  readonly variable: string;
  readonly problem: string;
  readonly example: string;
}

/**
 * Reads a process's configuration: one schema, every fault reported at once.
 * An empty string counts as not set, as shells and unit files can hardly unset a variable.
 * @throws AssayError CONFIG_INVALID whose facts name each variable with its problem and an example
 */
export function readConfig<S extends z.ZodObject>(schema: S, env: Environment): z.infer<S> {
  const opened = 'ASSAY_PRIVATE_KEY' in schema.shape ? unlocked(env) : env;
  const given = Object.fromEntries(Object.keys(schema.shape).map((name) => [name, opened[name] || (isSecret(schema, name) ? contentOf(opened, `${name}_FILE`) : undefined)]));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => faultOf(schema, issue, given));
  throw new AssayError({
    code: 'CONFIG_INVALID',
    message: `${faults.length} ${faults.length === 1 ? 'variable' : 'variables'} of the environment cannot be used`,
    facts: Object.fromEntries(faults.map((f) => [f.variable, `${f.problem}; for example ${f.variable}=${f.example}`])),
  });
}

function isSecret(schema: z.ZodObject, name: string): boolean {
  return (schema.shape[name] as z.ZodType | undefined)?.meta()?.['secret'] === true;
}

/** @throws AssayError FILE_UNREADABLE */
function contentOf(env: Environment, name: string): string | undefined {
  const file = env[name];
  return file ? readText(file).trim() : undefined;
}

function faultOf(schema: z.ZodObject, issue: z.core.$ZodIssue, given: Environment): Fault {
  const name = String(issue.path[0] ?? '');
  const meta = (schema.shape[name] as z.ZodType | undefined)?.meta();
  const problem = given[name] === undefined && issue.code !== 'custom' ? 'is not set' : issue.message;
  return { variable: name || 'environment', problem, example: typeof meta?.['example'] === 'string' ? meta['example'] : '…' };
}
