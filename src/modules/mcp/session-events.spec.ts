import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import { SessionEvents } from './session-events.js';

const message = (text: string): JSONRPCMessage => ({
  jsonrpc: '2.0',
  method: 'notifications/message',
  params: { text },
});

it('replays what followed on the same stream, and nothing of others', async () => {
  const events = new SessionEvents();
  const first = await events.storeEvent('a', message('1'));
  await events.storeEvent('b', message('2'));
  await events.storeEvent('a', message('3'));
  const seen: unknown[] = [];
  const stream = await events.replayEventsAfter(first, {
    send: async (_id, sent) => void seen.push('params' in sent ? sent.params?.['text'] : null),
  });
  expect([stream, seen]).toEqual(['a', ['3']]);
});

it('keeps at most 256 events and one MiB, and refuses ids it has forgotten', async () => {
  const events = new SessionEvents();
  const first = await events.storeEvent('a', message('first'));
  for (let index = 0; index < 256; index++) await events.storeEvent('a', message(String(index)));
  expect(await events.getStreamIdForEventId(first)).toBeUndefined();
  await expect(events.replayEventsAfter(first, { send: async () => undefined })).rejects.toThrow();
  const small = await events.storeEvent('a', message('small'));
  await events.storeEvent('a', message('x'.repeat(1_048_576)));
  expect(await events.getStreamIdForEventId(small)).toBeUndefined();
});
