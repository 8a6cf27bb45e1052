/** Why an operator is outside the canonical set, and what to do about it. */
export interface Outside {
  readonly reason: string;
  readonly remedy: string;
}

const SEE = 'See docs/operators.md for the operators that are supported.';

/** Operators by what keeps them out: each list of names, or what their names start with. */
const FAMILIES: readonly (Outside & { readonly names: RegExp })[] = [
  { names: /^(If|Loop|Scan)$/, reason: 'what runs depends on values, and a dispute needs one graph for every run', remedy: 'Export with branches resolved and loops unrolled: by tracing, with static sizes.' },
  { names: /^(Sequence|SplitToSequence|ConcatFromSequence|Optional)/, reason: 'sequences and optional values are not tensors', remedy: 'Export with tensors only: Concat and Split where there are sequences.' },
  { names: /^(String|RegexFullMatch|TfIdfVectorizer|LabelEncoder|CategoryMapper)/, reason: 'it works on strings', remedy: 'Do it outside the model and give it numbers.' },
  { names: /^(RandomNormal|RandomUniform|Multinomial|Bernoulli)/, reason: 'it draws random numbers: no second run gives the same', remedy: 'Draw them outside and make them an input.' },
  { names: /^(NonMaxSuppression|Unique|Compress)$/, reason: 'the shape of its output depends on values', remedy: 'End the model before it and do the rest with the results.' },
  { names: /^(Gradient|Adam|Momentum|Adagrad)$/, reason: 'it trains', remedy: 'Export the model for inference.' },
];

const DOMAINS: Readonly<Record<string, Outside>> = {
  'ai.onnx.ml': { reason: 'operators of ai.onnx.ml (trees, scalers, encoders) have no canonical form', remedy: 'Convert the estimator to tensor operators (comparisons, Where, MatMul) before exporting.' },
  'ai.onnx.preview.training': { reason: 'it trains', remedy: 'Export the model for inference.' },
  'ai.onnx.training': { reason: 'it trains', remedy: 'Export the model for inference.' },
};

/** @param domain empty for ONNX's own operators */
export function outside({ opType, domain }: { readonly opType: string; readonly domain: string }): Outside {
  const own = domain === '' || domain === 'ai.onnx';
  if (!own && !Object.hasOwn(DOMAINS, domain)) return { reason: `nothing says what operators of domain ${domain} mean`, remedy: `Export with ONNX’s own operators. ${SEE}` };
  if (!own) return DOMAINS[domain]!;
  return FAMILIES.find(({ names }) => names.test(opType)) ?? { reason: 'the operator is outside the canonical set', remedy: SEE };
}
