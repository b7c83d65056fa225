import { Invalid } from '../../platform/errors/contract-problems.js';
import { Problem } from '../../platform/errors/problem.js';

/**
 * Runs a use case whose body is one member of the tool's arguments, so that what it finds wrong points there.
 * @param pointer of that member, such as `/updates`
 */
export async function underPointer<T>(pointer: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Problem) || !error.members.errors) throw error;
    const errors = error.members.errors.map((mistake) => ({ ...mistake, pointer: `${pointer}${mistake.pointer}` }));
    if (error instanceof Invalid) throw new Invalid(errors, { ...error.members, errors });
    throw new Problem(error.status, error.slug, error.title, error.detail, { ...error.members, errors });
  }
}
