import type { OutboundFailure } from './outbound-answer.js';

const REASONS: Readonly<Record<string, OutboundFailure>> = {
  ENGAWA_ADDRESS_NOT_ALLOWED: 'address-not-allowed',
  ENOTFOUND: 'dns',
  ENODATA: 'dns',
  EAI_AGAIN: 'dns',
  EAI_FAIL: 'dns',
  EAI_NODATA: 'dns',
  EAI_NONAME: 'dns',
  ESERVFAIL: 'dns',
  ETIMEOUT: 'dns',
  ECONNREFUSED: 'connect',
  EHOSTUNREACH: 'connect',
  ENETUNREACH: 'connect',
  EADDRNOTAVAIL: 'connect',
  ENETDOWN: 'connect',
  ETIMEDOUT: 'connect',
  UND_ERR_CONNECT_TIMEOUT: 'connect',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  UND_ERR_SOCKET: 'reset',
  UND_ERR_CLOSED: 'reset',
  UND_ERR_DESTROYED: 'reset',
  UND_ERR_HEADERS_OVERFLOW: 'too-large',
  HPE_HEADER_OVERFLOW: 'too-large',
  EPROTO: 'tls',
};
/** OpenSSL's verification errors, as Node names them. */
const CERTIFICATE =
  /^(?:CERT_|CRL_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT|HOSTNAME_MISMATCH$|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_EXCEEDED$)/;

const DETAILS: Readonly<Record<OutboundFailure, string>> = {
  'address-not-allowed': 'The host has no public address.',
  dns: 'The name of the host could not be resolved.',
  connect: 'No connection could be made to the host.',
  tls: 'No secure connection could be made',
  timeout: 'The answer was not complete in time.',
  reset: 'The connection ended before the answer was complete.',
  'too-large': 'The headers of the answer are larger than 16 KiB.',
  protocol: 'The exchange was not valid HTTP',
};

/** Sorts an error of the client or of the operating system into a reason and a sentence for the owner of the URL. */
export function failureOf(error: unknown): { reason: OutboundFailure; detail: string } {
  const code = codeOf(error);
  const reason = REASONS[code] ?? (CERTIFICATE.test(code) ? 'tls' : 'protocol');
  const isNamed = reason === 'tls' || reason === 'protocol';
  return { reason, detail: isNamed ? `${DETAILS[reason]} (${code || 'unknown'}).` : DETAILS[reason] };
}

/** The sentence for a reason that no error carries. */
export function detailOf(reason: OutboundFailure): string {
  return DETAILS[reason];
}

/**
 * The first code that the error or what lies under it carries: when several addresses were tried, the failures come as one
 * AggregateError.
 */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  if ('errors' in error && Array.isArray(error.errors)) return codeOf(error.errors[0]);
  return 'cause' in error ? codeOf(error.cause) : '';
}
