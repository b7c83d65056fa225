import { renderMessage } from './render-message.js';

const event = (text: string) => ({
  id: '019a5c1e-7d3b-7f52-8a41-3c9d2e6b7f10',
  type: 'contact.created',
  time: '2026-01-31T09:30:00.000Z',
  workspace_id: '0198c1f0-0000-7000-8000-000000000001',
  subject: 'contact/0198c1f0-7a54-7cc3-9d3e-2f6a1b4c5d6e',
  actor: { type: 'system' as const, id: null, name: 'Engawa' },
  via: 'rest' as const,
  request_id: null,
  data: { text },
  changes: {},
});

it('is the event with a timestamp, or only its head', () => {
  const full = JSON.parse(renderMessage(event('🦊'), 'full').toString()) as object;
  expect(full).toEqual({ ...event('🦊'), timestamp: event('').time });
  const thin = JSON.parse(renderMessage(event('🦊'), 'thin').toString()) as object;
  expect(Object.keys(thin)).toEqual(['id', 'type', 'timestamp', 'workspace_id', 'subject', 'actor']);
});

it('keeps 256 KiB whole and leaves data out of one byte more', () => {
  const room = 262_144 - renderMessage(event(''), 'full').length;
  const whole = renderMessage(event('x'.repeat(room)), 'full');
  expect(whole.length).toBe(262_144);
  expect(JSON.parse(whole.toString())).not.toHaveProperty('is_truncated');
  const cut = JSON.parse(renderMessage(event('x'.repeat(room + 1)), 'full').toString()) as object;
  expect(cut).toMatchObject({ is_truncated: true, subject: event('').subject });
  expect(cut).not.toHaveProperty('data');
});
