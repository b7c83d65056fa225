/** One HTTP exchange to be made. */
export interface OutboundRequest {
  /** Absolute address, as the tenant gave it. */
  url: string;
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';
  /** Names in any case. `host` and what frames the message (`content-length`, `connection` ...) belong to the transport. */
  headers?: Readonly<Record<string, string>>;
  body?: Buffer | string;
  /** Wall clock for the whole exchange, name resolution and reading the answer included. */
  timeout_ms: number;
  /** Bytes of the answer's body to keep; then the connection is destroyed. */
  max_bytes: number;
  /** This call may use plain http, although the installation does not allow it in general. */
  allow_http?: boolean;
}

/**
 * Why there is no answer:
 * `address-not-allowed` the guard refused the URL or every address of its name; nothing was connected.
 * `dns` the name has no address, or nobody could say.
 * `connect` nobody listens there, or not within five seconds.
 * `tls` no secure connection, for example a certificate that does not verify.
 * `timeout` `timeout_ms` went by before the answer was complete.
 * `reset` the connection ended before the answer did.
 * `too-large` headers over 16 KiB.
 * `protocol` what came back, or what was to be sent, is not HTTP.
 */
export type OutboundFailure =
  'address-not-allowed' | 'dns' | 'connect' | 'tls' | 'timeout' | 'reset' | 'too-large' | 'protocol';

/** A complete answer, or its status and the first `max_bytes`. Any status is an answer, redirects included. */
export interface OutboundAnswered {
  readonly outcome: 'answered';
  readonly status: number;
  /** Names in lower case; several values of a name as a list. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Buffer;
  readonly is_truncated: boolean;
  readonly remote_address: string;
  readonly duration_ms: number;
}

/** No answer. */
export interface OutboundFailed {
  readonly outcome: 'failed';
  readonly reason: OutboundFailure;
  /** For the owner of the URL: what went wrong, without anything an internal system said. */
  readonly detail: string;
  readonly duration_ms: number;
}

export type OutboundAnswer = OutboundAnswered | OutboundFailed;
