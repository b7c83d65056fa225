/** Waits until a condition holds, looking every few milliseconds; the tests' only way to wait for another process. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  { within_ms = 15_000, every_ms = 15 }: { readonly within_ms?: number; readonly every_ms?: number } = {},
): Promise<void> {
  const end_ms = performance.now() + within_ms;
  while (!(await holds())) {
    if (performance.now() > end_ms) throw new Error(`not within ${within_ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, every_ms));
  }
}
