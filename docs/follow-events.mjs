// node docs/follow-events.mjs [types]: named events of the live stream, resumed where the connection broke
const { ENGAWA_URL = 'http://127.0.0.1:3000', ENGAWA_KEY = '' } = process.env;

/** Dispatches each event of the stream under its own name; `lastEventId` of the last one is where to go on. */
class EventStream extends EventTarget {
  lastEventId = '';
  retryMs = 2_000;

  async follow(types = '*') {
    for (;;) {
      try {
        await this.#once(types);
      } catch (error) {
        this.dispatchEvent(new CustomEvent('broken', { detail: error }));
      }
      await new Promise((resolve) => setTimeout(resolve, this.retryMs));
    }
  }

  async #once(types) {
    const response = await fetch(`${ENGAWA_URL}/api/v1/events/stream?types=${encodeURIComponent(types)}`, {
      headers: {
        authorization: `Bearer ${ENGAWA_KEY}`,
        ...(this.lastEventId && { 'last-event-id': this.lastEventId }),
      },
    });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    let text = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const frames = (text + chunk).split('\n\n');
      text = frames.pop() ?? '';
      for (const frame of frames) this.#take(frame);
    }
  }

  #take(frame) {
    const fields = Object.fromEntries(
      frame.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
    );
    if (fields.retry) this.retryMs = Number(fields.retry);
    if (fields.id) this.lastEventId = fields.id;
    if (fields.event) this.dispatchEvent(new MessageEvent(fields.event, { data: JSON.parse(fields.data) }));
  }
}

const stream = new EventStream();
stream.addEventListener('connected', ({ data }) => console.log('connected at', data.position));
stream.addEventListener('contact.created', ({ data }) => console.log('new:', data.data.name));
stream.addEventListener('contact.updated', ({ data }) => console.log('changed:', Object.keys(data.changes).join(', ')));
stream.addEventListener('closed', ({ data }) => {
  console.log('closed:', data.reason);
  process.exit(1);
});
stream.addEventListener('broken', ({ detail }) => console.error(detail.message));
await stream.follow(process.argv[2]);
