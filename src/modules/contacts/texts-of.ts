/** Every text and number within free JSON, at most so many: what custom fields add to the search index. */
export function textsOf(value: unknown, most = 1_000): string[] {
  const texts: string[] = [];
  collect(value);
  return texts;

  function collect(part: unknown): void {
    if (texts.length >= most) return;
    if (typeof part === 'string') texts.push(part);
    else if (typeof part === 'number') texts.push(String(part));
    else if (typeof part === 'object' && part !== null) Object.values(part).forEach(collect);
  }
}
