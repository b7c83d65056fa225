import { readFileSync, writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { renderEnvironmentExample } from '../../config/render-environment-example.js';
import { OpenApi } from '../../src/platform/http/open-api.js';
import { startTestApp } from '../support/app.js';

/** `npm run generate` sets this and writes what is otherwise compared. */
const writes = process.env['GENERATE'] === '1';

async function compare(file: string, content: string): Promise<void> {
  const url = new URL(`../../${file}`, import.meta.url);
  if (writes) writeFileSync(url, content);
  expect(`run npm run generate\n${readFileSync(url, 'utf8')}`).toBe(`run npm run generate\n${content}`);
}

it('.env.example lists every setting with its default', async () => {
  await compare('.env.example', renderEnvironmentExample());
});

it('openapi.json is what the running application describes', async () => {
  const app = await startTestApp();
  try {
    const document = app.app.nest.get(OpenApi).document();
    await compare('openapi.json', await format(JSON.stringify(document), { parser: 'json', printWidth: 120 }));
  } finally {
    await app.close();
  }
});
