import { Controller, Get, Header } from '@nestjs/common';
import { HttpConfig } from '../../../config/app-config.js';
import { Public } from '../auth/requires.decorator.js';
import type { JsonSchema } from './json-schema.js';
import { OpenApi } from './open-api.js';
import { Operation } from './operation.decorator.js';
import { renderDocs } from './render-docs.js';

/** Where a visitor finds everything. */
@Controller()
export class RootController {
  constructor(
    private readonly openApi: OpenApi,
    private readonly config: HttpConfig,
  ) {}

  @Get(['/', '/api/v1'])
  @Public()
  @Operation({ id: 'root.get', summary: 'Links to everything' })
  root(): JsonSchema {
    const url = (path: string) => `${this.config.public_url}${path}`;
    const paths = Object.keys(this.openApi.document()['paths'] as object);
    const nouns = [
      ...new Set(paths.map((path) => /^\/api\/v1\/([a-z-]+)/.exec(path)?.[1]).filter((noun) => noun !== undefined)),
    ];
    return {
      name: 'Engawa',
      links: {
        openapi: url('/openapi.json'),
        docs: url('/docs'),
        mcp: url('/mcp'),
        events: url('/api/v1/events/types'),
        health: url('/health'),
        ready: url('/ready'),
      },
      resources: Object.fromEntries(nouns.map((noun) => [noun, url(`/api/v1/${noun}`)])),
    };
  }

  @Get('/openapi.json')
  @Public()
  @Operation({ id: 'openapi.get', summary: 'The OpenAPI 3.1 document' })
  document(): JsonSchema {
    return this.openApi.document();
  }

  @Get('/docs')
  @Public()
  @Header('content-type', 'text/html; charset=utf-8')
  @Operation({ id: 'docs.get', summary: 'The API as a readable page', produces: ['text/html'] })
  docs(): string {
    return renderDocs(this.openApi.document());
  }
}
