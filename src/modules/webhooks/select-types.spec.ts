import { EVENT_TYPES } from '../../contracts/events.js';
import { mistakesOfPatterns, selectedTypes, selects } from './select-types.js';

it('selects by name, by prefix, and everything', () => {
  expect(selects(['contact.created'], 'contact.created')).toBe(true);
  expect(selects(['contact.created'], 'contact.updated')).toBe(false);
  expect(selects(['contact.*'], 'contact.updated')).toBe(true);
  expect(selects(['contact.*'], 'company.updated')).toBe(false);
  expect(selects(['*'], 'company.updated')).toBe(true);
});

it('covers webhook, job and quiet types by their exact names only', () => {
  const wild = selectedTypes(['*']);
  expect(wild.filter((type) => /^(webhook|job|access)\./.test(type))).toEqual([]);
  expect(wild).not.toContain('consumer.parked');
  expect(selectedTypes(['webhook.disabled', 'job.parked'])).toEqual(['webhook.disabled', 'job.parked']);
});

it('refuses what selects nothing, with a suggestion', () => {
  expect(mistakesOfPatterns([...EVENT_TYPES, '*', 'contact.*'])).toEqual([]);
  expect(mistakesOfPatterns(['contact.craeted'])).toMatchObject([
    { pointer: '/event_types/0', detail: expect.stringContaining('Did you mean "contact.created"?') },
  ]);
  for (const pattern of ['webhook.*', 'job.*', 'con*', '**', '', 'contact.', '.*'])
    expect(mistakesOfPatterns([pattern])).toHaveLength(1);
});
