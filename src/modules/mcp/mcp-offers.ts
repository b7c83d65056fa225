import type {
  Prompt as PromptListing,
  Resource as ResourceListing,
  ResourceTemplateType,
} from '@modelcontextprotocol/server';
import { UriTemplate } from '@modelcontextprotocol/server';
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { Permission } from '../../contracts/permissions.js';
import { decoratedMethods } from '../../platform/decorators/decorated-methods.js';
import { fieldsOf } from '../../platform/http/fields.js';
import { type ToolOffer, toolOffer } from './tool-offer.js';
import {
  type Dto,
  type Offer,
  offerOf,
  type PromptMethod,
  type PromptSpec,
  type ResourceMethod,
  type ResourceSpec,
  type ToolMethod,
} from './tools.decorator.js';

export interface ResourceOffer {
  readonly listing: ResourceListing | ResourceTemplateType;
  /** Undefined: one fixed URI. */
  readonly template: UriTemplate | undefined;
  readonly uri: string;
  readonly mime_type: string;
  readonly permissions: readonly Permission[];
  readonly read: ResourceMethod;
}

export interface PromptOffer {
  readonly listing: PromptListing;
  readonly input: Dto;
  readonly permissions: readonly Permission[];
  readonly render: PromptMethod;
}

/** Everything that the rooms of this process offer, found once at start and never changed. */
@Injectable()
export class McpOffers implements OnApplicationBootstrap {
  readonly tools = new Map<string, ToolOffer>();
  readonly resources = new Map<string, ResourceOffer>();
  readonly prompts = new Map<string, PromptOffer>();

  constructor(private readonly discovery: DiscoveryService) {}

  /** @throws {Error} that lists every faulty offer. */
  onApplicationBootstrap(): void {
    const faults: string[] = [];
    const found: { name: string; add: () => void }[] = [];
    const owners = new Map<string, string>();
    for (const { method, said: offer, owner } of decoratedMethods(this.discovery, offerOf)) {
      const { key, add, wrong } = this.made(offer, method as ToolMethod);
      faults.push(...wrong.map((fault) => `${owner} (${key}): ${fault}`));
      const other = owners.get(key);
      if (other !== undefined) faults.push(`${owner}: ${key} is already offered by ${other}`);
      owners.set(key, owner);
      found.push({ name: key, add });
    }
    if (faults.length > 0) throw new Error(`What is offered over MCP cannot be served:\n  ${faults.join('\n  ')}`);
    found.sort((a, b) => (a.name < b.name ? -1 : 1)).forEach(({ add }) => add());
  }

  private made(offer: Offer, method: ToolMethod): { key: string; add: () => void; wrong: string[] } {
    const key = `${offer.kind} ${offer.kind === 'resource' ? offer.spec.uri : offer.spec.name}`;
    const nothing = () => undefined;
    switch (offer.kind) {
      case 'tool': {
        const made = toolOffer(offer.spec, method);
        if (Array.isArray(made)) return { key, add: nothing, wrong: made };
        return { key, add: () => this.tools.set(offer.spec.name, made), wrong: [] };
      }
      case 'resource': {
        const made = resourceOffer(offer.spec, method as ResourceMethod);
        return { key, add: () => this.resources.set(made.uri, made), wrong: faultsOf(offer.spec) };
      }
      case 'prompt': {
        const made = promptOffer(offer.spec, method as PromptMethod);
        return { key, add: () => this.prompts.set(offer.spec.name, made), wrong: faultsOf(offer.spec) };
      }
    }
  }
}

function faultsOf(spec: ResourceSpec | PromptSpec): string[] {
  return [
    ...(spec.title && spec.description ? [] : ['it has no title or description']),
    ...(Array.isArray(spec.permissions) ? [] : ['it does not say which permissions it needs']),
  ];
}

function resourceOffer(spec: ResourceSpec, read: ResourceMethod): ResourceOffer {
  const { uri, name, title, description, permissions } = spec;
  const mime_type = spec.mime_type ?? 'application/json';
  const isTemplate = UriTemplate.isTemplate(uri);
  const shown = { name, title, description, mimeType: mime_type };
  return {
    listing: isTemplate ? { ...shown, uriTemplate: uri } : { ...shown, uri },
    template: isTemplate ? new UriTemplate(uri) : undefined,
    uri,
    mime_type,
    permissions,
    read,
  };
}

function promptOffer(spec: PromptSpec, render: PromptMethod): PromptOffer {
  const { name, title, description, input, permissions } = spec;
  const args = [...fieldsOf(input)].map(([field, { description: meaning, is_optional }]) => ({
    name: field,
    description: meaning,
    required: !is_optional,
  }));
  return { listing: { name, title, description, arguments: args }, input, permissions, render };
}
