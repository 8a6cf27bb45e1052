const SHADES = ' ·+#█';
const HALF = 2;

/** A square grey picture (0 dark … 255 bright) as text, half as many lines as rows since characters are twice as high as wide. */
export function pictureText(pixels: Uint8Array, side: number): string[] {
  const lines: string[] = [];
  for (let y = 0; y < side; y += HALF) {
    let line = '';
    for (let x = 0; x < side; x++) line += shade((pixels[y * side + x]! + (pixels[(y + 1) * side + x] ?? 0)) / HALF);
    lines.push(line.trimEnd());
  }
  return withoutEmptyEnds(lines);
}

function shade(grey: number): string {
  return SHADES[Math.min(SHADES.length - 1, Math.floor((grey / 256) * SHADES.length))]!;
}

function withoutEmptyEnds(lines: readonly string[]): string[] {
  const first = lines.findIndex((line) => line !== '');
  return first < 0 ? [] : lines.slice(first, lines.findLastIndex((line) => line !== '') + 1);
}

/** Pictures beside each other. */
export function sideBySide(pictures: readonly (readonly string[])[], width: number): string[] {
  const height = Math.max(0, ...pictures.map((p) => p.length));
  return Array.from({ length: height }, (_, y) => pictures.map((p) => (p[y] ?? '').padEnd(width)).join('  ').trimEnd());
}
