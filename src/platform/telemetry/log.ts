import type { LoggerService } from '@nestjs/common';
import {
  destination,
  type DestinationStream,
  type Level,
  type Logger as PinoLogger,
  pino,
  stdTimeFunctions,
} from 'pino';

/** Members whose values never reach a log line. */
const REDACTED = ['authorization', 'cookie', 'password', 'secret', 'token', 'key', 'email', 'phone'];

/** What looks like a credential inside a message: keys, JWTs, passwords of connection strings. */
const CREDENTIALS =
  /egw_[a-z0-9]{8}_[\w-]{43}|eyJ[\w-]+\.[\w-]+\.[\w-]+|(?<=postgres(?:ql)?:\/\/[^:/\s]+:)[^@\s]+(?=@)/g;

export type Log = PinoLogger;

/** Lines wait this long or for this many bytes, so that a busy process does not pay a system call for each. */
const FLUSH_EVERY_MS = 100;
const FLUSH_FROM_BYTES = 8_192;

/** The process log: JSON lines on standard error, so that standard output stays for what a person asked for. */
export function createLog(level: string, stream: DestinationStream = bufferedStandardError()): Log {
  const paths = REDACTED.flatMap((name) => [name, `*.${name}`]);
  return pino(
    { level, base: { pid: process.pid }, redact: { paths, censor: '[redacted]' }, timestamp: stdTimeFunctions.isoTime },
    stream,
  );
}

function bufferedStandardError(): DestinationStream {
  const stream = destination({ fd: 2, sync: false, minLength: FLUSH_FROM_BYTES });
  setInterval(() => stream.flush(), FLUSH_EVERY_MS).unref();
  process.once('exit', () => {
    try {
      stream.flushSync();
    } catch {
      // Nothing was written yet.
    }
  });
  return stream;
}

/** Removes credentials from a text. */
export function withoutCredentials(text: string): string {
  return text.replace(CREDENTIALS, '[redacted]');
}

/** Nest's logger on ours. */
export class NestLog implements LoggerService {
  constructor(
    private readonly target: Log,
    private readonly requestId: () => string | undefined,
  ) {}

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  /** Nest tells its wiring here, which is of use to developers only. */
  log(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  private write(level: Level, message: unknown, rest: readonly unknown[]): void {
    const error = message instanceof Error ? message : rest.find((part) => part instanceof Error);
    const room = rest.at(-1);
    const request_id = this.requestId();
    this.target[level](
      {
        ...(typeof room === 'string' && { room }),
        ...(request_id !== undefined && { request_id }),
        ...(error && { stack: withoutCredentials(error.stack ?? error.message) }),
      },
      withoutCredentials(message instanceof Error ? message.message : String(message)),
    );
  }
}
