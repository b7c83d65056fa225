import { Setting } from './setting.js';

const SECONDS = {
  expression: /^\d{1,7}(,\d{1,7}){0,19}$/,
  sentence: 'use at most 20 whole numbers of seconds with commas between them',
};

/** Deliveries to the systems that subscribed. */
export class WebhooksConfig {
  @Setting({
    env: 'WEBHOOK_RETRY_SCHEDULE_S',
    kind: 'text',
    pattern: SECONDS,
    describe: 'Seconds to wait before each further attempt of a delivery; there is one attempt more than waits.',
  })
  retry_schedule_s = '2,8,30,120,300';

  @Setting({
    env: 'WEBHOOK_RETRY_TAIL_S',
    kind: 'text',
    pattern: SECONDS,
    describe: 'Further waits, in seconds, of webhooks whose retry is long.',
  })
  retry_tail_s = '1800,7200,18000,36000,50400,72000,86400';

  @Setting({
    env: 'WEBHOOK_DISABLE_AFTER_DAYS',
    kind: 'integer',
    min: 1,
    max: 365,
    describe: 'Days without a success after which a failing webhook is disabled.',
  })
  disable_after_days = 5;

  @Setting({
    env: 'WEBHOOK_RETENTION_DAYS',
    kind: 'integer',
    min: 1,
    max: 3_650,
    describe: 'Days for which deliveries and their attempts are kept.',
  })
  retention_days = 30;
}
