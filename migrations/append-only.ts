/** The history of the schema only grows: what was wrong is corrected by a later migration. */
export class AppendOnly {
  down(): Promise<void> {
    return Promise.reject(new Error('migrations are append-only: write a new one that corrects this'));
  }
}
