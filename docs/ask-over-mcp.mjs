// Asks Engawa over MCP with the official client: node docs/ask-over-mcp.mjs <words>
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const { ENGAWA_URL, ENGAWA_KEY } = process.env;
const client = new Client({ name: 'ask-over-mcp', version: '1.0.0' });
await client.connect(
  new StreamableHTTPClientTransport(new URL(`${ENGAWA_URL}/mcp`), {
    requestInit: { headers: { authorization: `Bearer ${ENGAWA_KEY}` } },
  }),
);
const { tools } = await client.listTools();
console.log(`${tools.length} tools: ${tools.map((tool) => tool.name).join(', ')}`);
const found = await client.callTool({
  name: 'search_contacts',
  arguments: { query: process.argv.slice(2).join(' '), limit: 3 },
});
for (const contact of found.structuredContent.items) console.log(contact.name, contact.email, contact.phone);
await client.close();
