import { Controller, Get, Req } from '@nestjs/common';
import type { Request } from 'express';
import { HttpConfig } from '../../../config/app-config.js';
import { Public } from '../../platform/auth/requires.decorator.js';
import type { JsonSchema } from '../../platform/http/json-schema.js';
import { Operation } from '../../platform/http/operation.decorator.js';
import { McpOffers } from './mcp-offers.js';
import { publicUrl } from './public-url.js';

/** Tells a client without a credential where to get one (RFC 9728). */
@Controller('.well-known')
export class ProtectedResourceController {
  constructor(
    private readonly offers: McpOffers,
    private readonly config: HttpConfig,
  ) {}

  @Get('oauth-protected-resource/mcp')
  @Public()
  @Operation({ id: 'mcp.metadata', summary: 'How to get a credential for /mcp (RFC 9728)' })
  ofEndpoint(@Req() request: Request): JsonSchema {
    return this.metadata(request);
  }

  @Get('oauth-protected-resource')
  @Public()
  @Operation({ id: 'mcp.root_metadata', summary: 'The same, for clients that look at the root' })
  ofRoot(@Req() request: Request): JsonSchema {
    return this.metadata(request);
  }

  private metadata(request: Request): JsonSchema {
    const issuer = publicUrl(this.config, request);
    const scopes = [...this.offers.tools.values(), ...this.offers.resources.values()].flatMap(
      ({ permissions }) => permissions,
    );
    return {
      resource: `${issuer}/mcp`,
      authorization_servers: [issuer],
      scopes_supported: [...new Set(scopes)].sort(),
      bearer_methods_supported: ['header'],
      resource_name: 'Engawa',
    };
  }
}
