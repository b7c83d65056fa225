import { Setting } from './setting.js';
import { OutboundConfig } from './outbound-config.js';
import { WebhooksConfig } from './webhooks-config.js';

/** The process and how it is reached. */
export class HttpConfig {
  @Setting({
    env: 'PORT',
    kind: 'integer',
    min: 0,
    max: 65_535,
    describe: 'Port of the HTTP server; 0 takes a free one.',
  })
  port = 3000;

  @Setting({
    env: 'HOST',
    kind: 'text',
    describe: 'Address to listen on. Default: 127.0.0.1, or 0.0.0.0 when NODE_ENV=production.',
  })
  host = '';

  @Setting({
    env: 'NODE_ENV',
    kind: 'choice',
    choices: ['development', 'production', 'test'],
    describe: 'Kind of run.',
  })
  environment = 'development';

  @Setting({
    env: 'PUBLIC_URL',
    kind: 'url',
    describe:
      'Where users reach this installation, for links, tokens and the MCP host check. Default: http://<host>:<port>.',
  })
  public_url = '';

  @Setting({
    env: 'ENGAWA_ROLE',
    kind: 'choice',
    choices: ['all', 'api', 'worker'],
    describe: 'What this process does: serve requests (api), do background work (worker), or both.',
  })
  role = 'all';

  @Setting({
    env: 'ENGAWA_TRUSTED_PROXIES',
    kind: 'list',
    describe: 'CIDRs of proxies whose X-Forwarded-For is believed. Empty: the header is ignored.',
  })
  trusted_proxies: string[] = [];

  @Setting({
    env: 'ENGAWA_CORS_ORIGINS',
    kind: 'list',
    describe: 'Browser origins that may call the API. Empty: none.',
  })
  cors_origins: string[] = [];
}

/** Where data lives. */
export class DatabaseConfig {
  @Setting({
    env: 'DATABASE_URL',
    kind: 'text',
    is_secret: true,
    pattern: {
      expression: /^postgres(?:ql)?:\/\/\S+$/,
      sentence: 'use a URL such as postgres://owner:password@localhost:5432/engawa',
    },
    describe: 'PostgreSQL 15 or newer, as the owner of the schema. Unset: an embedded PostgreSQL in ENGAWA_DATA_DIR.',
  })
  url = '';

  @Setting({
    env: 'ENGAWA_DATABASE_APP_URL',
    kind: 'text',
    is_secret: true,
    describe: 'Connection of the application role, where a hosted PostgreSQL does not let DATABASE_URL create roles.',
  })
  app_url = '';

  @Setting({
    env: 'ENGAWA_DATABASE_SYSTEM_URL',
    kind: 'text',
    is_secret: true,
    describe: 'Connection of the system role, where a hosted PostgreSQL does not let DATABASE_URL create roles.',
  })
  system_url = '';

  @Setting({
    env: 'ENGAWA_DATABASE_POOL_SIZE',
    kind: 'integer',
    min: 2,
    max: 200,
    describe: 'Connections for requests and jobs.',
  })
  pool_size = 16;

  @Setting({ env: 'ENGAWA_DATA_DIR', kind: 'text', describe: 'Embedded database, files and generated secrets.' })
  data_dir = '.engawa';

  @Setting({
    env: 'ENGAWA_SECRET_KEY',
    kind: 'text',
    is_secret: true,
    pattern: {
      expression: /^.{32,}$/s,
      sentence: 'use at least 32 characters, for example from `openssl rand -base64 32`',
    },
    describe:
      'Master secret of the installation, the same for all its processes. Default: generated into ENGAWA_DATA_DIR.',
  })
  secret_key = '';

  @Setting({
    env: 'ENGAWA_BOOTSTRAP_KEY',
    kind: 'text',
    is_secret: true,
    pattern: {
      expression: /^egw_[a-z0-9]{8}_[A-Za-z0-9_-]{43}$/,
      sentence: 'use the form egw_<8 of a-z0-9>_<43 of base64url>',
    },
    describe:
      'Presets the owner key of the first start, for automated installs. Works only while there is no workspace.',
  })
  bootstrap_key = '';
}

/** Who may sign in, and how. */
export class AuthConfig {
  @Setting({
    env: 'ENGAWA_ACCESS_TOKEN_SECONDS',
    kind: 'integer',
    min: 60,
    max: 86_400,
    describe: 'Lifetime of our own access tokens, in seconds.',
  })
  access_token_s = 900;
}

/** How much one caller may ask. 0 means no limit. */
export class LimitsConfig {
  @Setting({ env: 'ENGAWA_LIMIT_PRINCIPAL', kind: 'integer', min: 0, describe: 'Requests a minute per key or person.' })
  principal_per_minute = 600;

  @Setting({ env: 'ENGAWA_LIMIT_WORKSPACE', kind: 'integer', min: 0, describe: 'Requests a minute per workspace.' })
  workspace_per_minute = 6_000;

  @Setting({
    env: 'ENGAWA_LIMIT_ADDRESS',
    kind: 'integer',
    min: 0,
    describe: 'Requests a minute per address (IPv6: per /64) before the caller is known.',
  })
  address_per_minute = 1_000;

  @Setting({
    env: 'ENGAWA_LIMIT_SIGN_IN',
    kind: 'integer',
    min: 0,
    describe: 'Sign-in tries a minute per address and account.',
  })
  sign_in_per_minute = 10;
}

/** Background work. */
export class JobsConfig {
  @Setting({
    env: 'ENGAWA_JOBS_CONCURRENCY',
    kind: 'integer',
    min: 1,
    max: 1_000,
    describe: 'Jobs under way per process.',
  })
  concurrency = 32;
}

/** Data on its way in. */
export class IngestConfig {
  @Setting({
    env: 'INGEST_BATCH_SIZE',
    kind: 'integer',
    min: 1,
    max: 1_000,
    describe: 'Records per transaction of an ingest run.',
  })
  batch_size = 500;

  @Setting({ env: 'INGEST_MAX_FILE_BYTES', kind: 'integer', min: 1, describe: 'Largest file of an ingest run.' })
  max_file_bytes = 1_073_741_824;
}

/** The MCP endpoint. */
export class McpConfig {
  @Setting({
    env: 'MCP_ALLOWED_ORIGINS',
    kind: 'list',
    describe: 'Browser origins, beside our own, that may speak to /mcp.',
  })
  allowed_origins: string[] = [];

  @Setting({ env: 'MCP_MAX_BODY_BYTES', kind: 'integer', min: 1_024, describe: 'Largest message to /mcp.' })
  max_body_bytes = 4_194_304;

  @Setting({ env: 'MCP_CALL_TIMEOUT_MS', kind: 'integer', min: 100, describe: 'Time limit of one tool call.' })
  call_timeout_ms = 60_000;

  @Setting({
    env: 'MCP_LEGACY_SESSIONS',
    kind: 'boolean',
    describe:
      'Keep sessions for clients of protocol revisions before 2026-07-28. Needs session affinity behind a balancer.',
  })
  legacy_sessions = true;
}

/** What the operator sees. */
export class TelemetryConfig {
  @Setting({
    env: 'LOG_LEVEL',
    kind: 'choice',
    choices: ['silent', 'error', 'warn', 'info', 'debug'],
    describe: 'Least severity of log lines.',
  })
  log_level = 'info';

  @Setting({
    env: 'METRICS_TOKEN',
    kind: 'text',
    is_secret: true,
    describe: 'Bearer token for GET /metrics. Empty: only callers on the loopback interface may read it.',
  })
  metrics_token = '';
}

/** Every setting of a process, frozen. */
export class AppConfig {
  readonly http = new HttpConfig();
  readonly database = new DatabaseConfig();
  readonly auth = new AuthConfig();
  readonly limits = new LimitsConfig();
  readonly jobs = new JobsConfig();
  readonly ingest = new IngestConfig();
  readonly mcp = new McpConfig();
  readonly outbound = new OutboundConfig();
  readonly webhooks = new WebhooksConfig();
  readonly telemetry = new TelemetryConfig();
}
