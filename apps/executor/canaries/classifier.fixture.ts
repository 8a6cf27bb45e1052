/** What somebody on the wire notes of one job, as numbers, and whether it was a canary. */
export interface Observed {
  readonly features: readonly number[];
  readonly canary: boolean;
}

/** A guess, above 0.5 for a canary. */
type Classifier = (features: readonly number[]) => number;

/** Features to mean 0 and variance 1 by the training half; one that never changes says nothing. */
function scaled(training: readonly Observed[]): (features: readonly number[]) => number[] {
  const columns = training[0]!.features.map((_, i) => training.map(({ features }) => features[i]!));
  const means = columns.map((column) => column.reduce((sum, x) => sum + x, 0) / column.length);
  const spreads = columns.map((column, i) => Math.sqrt(column.reduce((sum, x) => sum + (x - means[i]!) ** 2, 0) / column.length));
  return (features) => features.map((x, i) => (spreads[i]! > 0 ? (x - means[i]!) / spreads[i]! : x === means[i]! ? 0 : 10));
}

/** Logistic regression over the features and their squares, by plain gradient descent. */
export function logistic(training: readonly Observed[]): Classifier {
  const scale = scaled(training);
  const terms = (features: readonly number[]) => [1, ...scale(features), ...scale(features).map((x) => Math.min(x * x, 25))];
  const rows = training.map(({ features, canary }) => ({ terms: terms(features), label: canary ? 1 : 0 }));
  const weights = rows[0]!.terms.map(() => 0);
  const guess = (row: readonly number[]) => 1 / (1 + Math.exp(-row.reduce((sum, x, i) => sum + x * weights[i]!, 0)));
  for (let round = 0; round < 300; round++) {
    const slope = weights.map(() => 0);
    for (const row of rows) row.terms.forEach((x, i) => (slope[i]! += (guess(row.terms) - row.label) * x));
    slope.forEach((s, i) => (weights[i]! -= (0.5 * s) / rows.length));
  }
  return (features) => guess(terms(features));
}

/** The vote of the nine nearest. */
export function nearest(training: readonly Observed[]): Classifier {
  const scale = scaled(training);
  const rows = training.map(({ features, canary }) => ({ at: scale(features), canary }));
  return (features) => {
    const at = scale(features);
    const distance = (other: readonly number[]) => other.reduce((sum, x, i) => sum + (x - at[i]!) ** 2, 0);
    const closest = rows.map(({ at: place, canary }) => ({ d: distance(place), canary })).sort((a, b) => a.d - b.d).slice(0, 9);
    return closest.filter(({ canary }) => canary).length / 9;
  };
}

/** The best single threshold of the best single feature. */
export function stump(training: readonly Observed[]): Classifier {
  let best = { score: 0, guess: (_: readonly number[]) => 0 };
  for (const i of training[0]!.features.keys()) {
    for (const at of new Set(training.map(({ features }) => features[i]!))) {
      for (const sign of [1, -1]) {
        const guess = (features: readonly number[]) => ((features[i]! - at) * sign > 0 ? 1 : 0);
        const score = balancedAccuracy(guess, training);
        if (score > best.score) best = { score, guess };
      }
    }
  }
  return best.guess;
}

/** Mean of the shares of canaries and of ordinary jobs that are guessed right. */
export function balancedAccuracy(classifier: Classifier, observed: readonly Observed[]): number {
  const right = (canary: boolean) => {
    const those = observed.filter((one) => one.canary === canary);
    return those.filter(({ features }) => classifier(features) > 0.5 === canary).length / those.length;
  };
  return (right(true) + right(false)) / 2;
}

/** Standard deviation of the balanced accuracy of somebody who tosses a coin. */
export function chance(observed: readonly Observed[]): number {
  const canaries = observed.filter(({ canary }) => canary).length;
  return Math.sqrt(1 / canaries + 1 / (observed.length - canaries)) / 4;
}
