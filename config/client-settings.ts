/** What the command line client needs to speak to a server. */
export interface ClientSettings {
  /** ENGAWA_URL: the address of the server. */
  readonly url: string | undefined;
  /** ENGAWA_KEY: an API key. */
  readonly key: string | undefined;
}

/** Read by the command line client, not by the server. */
export const CLIENT_VARIABLES: ReadonlySet<string> = new Set(['ENGAWA_URL', 'ENGAWA_KEY']);

/** Options of the command line go before these. */
export function clientSettings(): ClientSettings {
  return { url: process.env['ENGAWA_URL'], key: process.env['ENGAWA_KEY'] };
}
