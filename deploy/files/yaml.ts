export type Yaml = string | number | boolean | readonly Yaml[] | { readonly [key: string]: Yaml };

/** YAML in block style. Every string is quoted as JSON quotes it, so nothing is taken for a number, a date or a switch. */
export function yaml(value: Yaml, indent = ''): string {
  if (Array.isArray(value)) return value.map((item: Yaml) => `${indent}- ${nested(item, `${indent}  `).trimStart()}`).join('');
  if (typeof value !== 'object') return `${indent}${JSON.stringify(value)}\n`;
  return Object.entries(value).map(([key, item]) => `${indent}${/^[A-Za-z_][\w./-]*$/.test(key) ? key : JSON.stringify(key)}:${below(item, indent)}`).join('');
}

function nested(item: Yaml, indent: string): string {
  return isEmpty(item) ? `${JSON.stringify(item)}\n` : yaml(item, indent);
}

function below(item: Yaml, indent: string): string {
  if (typeof item !== 'object' || isEmpty(item)) return ` ${JSON.stringify(item)}\n`;
  return `\n${yaml(item, `${indent}  `)}`;
}

function isEmpty(item: Yaml): boolean {
  return typeof item === 'object' && Object.keys(item).length === 0;
}
