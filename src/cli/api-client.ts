import type { ClientSettings } from '../../config/client-settings.js';
import type { ProblemBody } from '../platform/errors/problem.js';

/** Something the user has to correct; the message says what. */
export class UsageError extends Error {}

/** Nobody answers at the URL, for now or at all. */
export class Unreachable extends UsageError {}

/** An answer of the API that is a problem. */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly problem: Partial<ProblemBody>,
  ) {
    const { title, detail, suggestion } = problem;
    super(
      [title ?? `the server answered ${status}`, detail, suggestion && `Try: ${suggestion}`].filter(Boolean).join('. '),
    );
  }
}

export interface CallOptions {
  readonly method?: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly json?: unknown;
  readonly body?: ReadableStream<Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Speaks to the API as the holder of a key. */
export class ApiClient {
  constructor(
    private readonly url: string,
    private readonly key: string,
  ) {}

  /** From the environment, which options may replace. */
  static from(options: { readonly url?: string; readonly key?: string }, environment: ClientSettings): ApiClient {
    const url = options.url ?? environment.url ?? 'http://127.0.0.1:3000';
    const key = options.key ?? environment.key;
    if (!key) throw new UsageError('No key: set ENGAWA_KEY, or use --key. The first start of the server prints one.');
    if (!URL.canParse(url))
      throw new UsageError(`"${url}" is no URL: set ENGAWA_URL to something like http://127.0.0.1:3000.`);
    return new ApiClient(url.replace(/\/+$/, ''), key);
  }

  async call<Body>(path: string, options: CallOptions = {}): Promise<Body> {
    const response = await this.send(path, options);
    const text = await response.text();
    return (text === '' ? undefined : JSON.parse(text)) as Body;
  }

  /** @throws {ApiProblem} for any answer that is not 2xx. */
  async send(path: string, { method = 'GET', query = {}, json, body, headers }: CallOptions = {}): Promise<Response> {
    const url = new URL(`${this.url}/api/v1${path}`);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
    const response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${this.key}`,
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
      ...(body && { body, duplex: 'half' }),
    }).catch((error: unknown) => {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      throw new Unreachable(
        `${this.url} cannot be reached (${cause}). Is the server running? Start it with: engawa start`,
      );
    });
    if (response.ok) return response;
    throw new ApiProblem(response.status, (await response.json().catch(() => ({}))) as Partial<ProblemBody>);
  }
}
