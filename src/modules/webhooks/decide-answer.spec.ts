import fc from 'fast-check';
import type { OutboundAnswer } from '../../platform/outbound/outbound-answer.js';
import { decideAnswer, readRetryAfter } from './decide-answer.js';

const now_ms = Date.UTC(2026, 0, 31, 9, 30);
const answered = (status: number, headers: Record<string, string> = {}): OutboundAnswer => ({
  outcome: 'answered',
  status,
  headers,
  body: Buffer.alloc(0),
  is_truncated: false,
  remote_address: '',
  duration_ms: 1,
});

it('takes every 2xx as a success and nothing else', () => {
  fc.assert(
    fc.property(fc.integer({ min: 200, max: 599 }), (status) => {
      expect(decideAnswer(answered(status), now_ms).outcome).toBe(status < 300 ? 'succeeded' : 'failed');
    }),
  );
});

it('never follows a redirect, ends at 410, and lets an overloaded endpoint rest', () => {
  expect(decideAnswer(answered(301, { location: 'http://127.0.0.1/' }), now_ms)).toMatchObject({ error: 'redirect' });
  expect(decideAnswer(answered(410), now_ms)).toMatchObject({ error: 'status-410', is_gone: true });
  for (const status of [429, 502, 503, 504])
    expect(decideAnswer(answered(status), now_ms)).toMatchObject({ is_overloaded: true });
  for (const status of [400, 404, 500, 501])
    expect(decideAnswer(answered(status), now_ms)).toMatchObject({ is_overloaded: false, is_gone: false });
});

it('names the failure where there is no answer', () => {
  const failed = { outcome: 'failed', reason: 'dns', detail: '', duration_ms: 1 } as const;
  expect(decideAnswer(failed, now_ms)).toMatchObject({ outcome: 'failed', error: 'dns', retry_after_ms: null });
});

it('reads Retry-After as seconds or as a date, and nothing else', () => {
  expect(decideAnswer(answered(503, { 'retry-after': '60' }), now_ms).retry_after_ms).toBe(60_000);
  expect(readRetryAfter('Sat, 31 Jan 2026 09:31:00 GMT', now_ms)).toBe(60_000);
  expect(readRetryAfter('Sat, 31 Jan 2026 09:29:00 GMT', now_ms)).toBe(-60_000);
  for (const text of ['', 'soon', '-1', '1.5', '2026-01-31', 'Sat, 31 Foo 2026 09:31:00 GMT', '99999999999'])
    expect(readRetryAfter(text, now_ms)).toBeNull();
  fc.assert(fc.property(fc.string(), (text) => void readRetryAfter(text, now_ms)));
});
