import type { JsonSchema } from './json-schema.js';

interface DocumentedOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly { name: string; in: string; description?: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { example?: unknown }>> };
  readonly responses: Readonly<Record<string, { description: string }>>;
  readonly 'x-required-permissions'?: readonly string[];
}

/** The OpenAPI document as one static page without scripts. */
export function renderDocs(document: JsonSchema): string {
  const paths = document['paths'] as Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
  const sections = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => renderOperation(method.toUpperCase(), path, operation)),
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Engawa API</title><style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
h2{font-size:1.1rem;margin:2rem 0 .3rem}code,pre{font:14px/1.4 ui-monospace,monospace;background:#f4f2ee;border-radius:4px}
code{padding:.1rem .3rem}pre{padding:.8rem;overflow:auto}td{vertical-align:top;padding:.15rem .8rem .15rem 0}small{color:#666}
</style><h1>Engawa API</h1><p>Machine-readable: <a href="/openapi.json">/openapi.json</a>. Send <code>Authorization: Bearer &lt;key&gt;</code>.</p>
${sections.join('\n')}</html>`;
}

function renderOperation(method: string, path: string, operation: DocumentedOperation): string {
  const permissions =
    operation['x-required-permissions']?.map((name) => `<code>${escape(name)}</code>`).join(' ') ?? '';
  const rows = (operation.parameters ?? []).map(
    ({ name, in: place, description }) =>
      `<tr><td><code>${escape(name)}</code> <small>${place}</small><td>${escape(description ?? '')}`,
  );
  const example = operation.requestBody?.content['application/json']?.example;
  const answers = Object.entries(operation.responses).map(
    ([status, { description }]) => `<tr><td>${status}<td>${escape(description)}`,
  );
  return `<h2 id="${escape(operation.operationId)}"><code>${method} ${escape(path)}</code></h2><p>${escape(operation.summary)} ${permissions}</p>
<table>${rows.join('')}</table>${example === undefined ? '' : `<pre>${escape(JSON.stringify(example, null, 2))}</pre>`}
<details><summary>Answers</summary><table>${answers.join('')}</table></details>`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
