/** The embedded PostgreSQL cannot serve. The message says what is wrong and what would work instead; it never holds a password. */
export class EmbeddedServerError extends Error {
  override readonly name = 'EmbeddedServerError';
}
