/**
 * Turns the violation of a named constraint into the problem that a caller can act on, so that nobody checks first and
 * inserts later (a race). Other errors pass unchanged.
 */
export async function constrained<T>(writes: Promise<T>, problems: Readonly<Record<string, () => Error>>): Promise<T> {
  try {
    return await writes;
  } catch (error) {
    const problem = problems[violatedConstraint(error) ?? ''];
    throw problem ? problem() : error;
  }
}

/** The constraint that a failed statement violated, if it did (SQLSTATE class 23). */
export function violatedConstraint(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('constraint' in error)) return undefined;
  return typeof error.constraint === 'string' ? error.constraint : undefined;
}
