/** The part of autocannon that the benchmarks use; the package brings no types. */
declare module 'autocannon' {
  interface SentRequest {
    method?: string;
    path?: string;
    headers?: Record<string, string>;
    body?: string;
  }

  interface PlannedRequest extends SentRequest {
    /** Called before each request; what it returns is sent. */
    setupRequest?(request: SentRequest): SentRequest;
  }

  interface Options {
    url: string;
    connections: number;
    /** In seconds. */
    duration: number;
    requests: PlannedRequest[];
  }

  interface Result {
    /** In seconds. */
    duration: number;
    errors: number;
    timeouts: number;
    '2xx': number;
    non2xx: number;
    /** In milliseconds. */
    latency: { p50: number; p99: number };
  }

  export default function autocannon(options: Options): Promise<Result>;
}
