import { Injectable } from '@nestjs/common';
import { Context } from '../context/context.js';
import { Database } from '../database/database.js';
import type { Statement } from '../database/statement.js';
import { readSearchQuery } from './search-query.js';
import { searchConfiguration, type SearchDocument, searchOwner } from './search-document.js';
import { searchableTag, searchableText } from './searchable-text.js';
import { type SearchChange, searchWriter } from './search-writer.js';
import { SearchLanguages } from './search-languages.js';

/** Characters of a question or name that are looked at. */
const MAX_QUESTION_LENGTH = 2_000;
const NIL_UUID = '00000000-0000-0000-0000-000000000000';

/** What narrows every search. */
export interface SearchFilters {
  readonly kinds?: readonly string[];
  readonly project_id?: string;
  /** All of them must be there, in any case. */
  readonly tags?: readonly string[];
  /** RFC 3339, inclusive: compared with occurred_at, else created_at. */
  readonly since?: string;
  /** RFC 3339, exclusive. */
  readonly until?: string;
}

/** Where a list goes on: behind the hit that had it. Plain JSON, fit for a cursor. */
export interface SearchPosition {
  readonly score: number;
  readonly created_at: string;
  readonly id: string;
}

export interface SearchPageRequest extends Omit<SearchFilters, 'kinds'> {
  readonly kind: string;
  /** Words, "phrases" and -exclusions; absent or blank: filters only. */
  readonly q?: string;
  /** `rank` without `q` is newest first. */
  readonly order: 'rank' | 'created_at';
  /** At most so many hits. */
  readonly limit: number;
  readonly after?: SearchPosition | null;
}

export interface SearchPageHit extends SearchPosition {
  readonly kind: string;
}

export interface SearchPage {
  /** In order. Each hit is a position to go on from. */
  readonly hits: readonly SearchPageHit[];
  readonly ids: readonly string[];
  /** Null when nothing follows. */
  readonly next: SearchPosition | null;
}

/** One document found; scores of different searches are never compared (ranks are). */
export interface SearchHit {
  readonly kind: string;
  readonly id: string;
  readonly score: number;
}

export interface SearchQuestion extends SearchFilters {
  readonly query: string;
  readonly limit: number;
}

/** A text as its owner shows it. */
export interface LoadedDocument {
  readonly id: string;
  readonly title: string | null;
  readonly text: string;
}

/** Who keeps the texts of one kind; what the caller may not read is left out. */
export interface SearchKind {
  readonly kind: string;
  load(ids: readonly string[]): Promise<LoadedDocument[]>;
}

const SEARCH_TEXT = [
  'mode', 'language', 'question', 'required', 'excluded', 'viewer', 'kinds', 'project_id', 'tags', 'since', 'until',
  'order', 'after_score', 'after_created_at', 'after_id', 'limit',
]; // prettier-ignore

/**
 * The one search index. Under row-level security PostgreSQL may not use an index for an operator that is not leakproof,
 * and all operators of text search, trigrams and arrays are not: a rare word would read every row of the workspace. So
 * rooms do not search their own tables. They hand what should be found to one table, in the transaction that changes the
 * record, and ask it through three functions that run as a role of their own, filter by the workspace themselves and
 * apply who may see what in every arm.
 *
 * Lists ask for every word (`page`), recall for any (`recall`, ranked by BM25), names by resemblance (`titles`), and
 * what is about a record by its anchors (`anchored`). Answers are ids: texts stay with their owners.
 */
@Injectable()
export class Search {
  private readonly owners = new Map<string, SearchKind>();

  constructor(
    private readonly database: Database,
    private readonly context: Context,
    private readonly languages: SearchLanguages,
  ) {}

  /** Names the room that keeps the texts of a kind. */
  registerKind(owner: SearchKind): void {
    if (this.owners.has(owner.kind)) throw new Error(`search kind ${owner.kind} is registered twice`);
    this.owners.set(owner.kind, owner);
  }

  /**
   * Writes a document of the open transaction's record, with COMMIT: what was acknowledged is found by the next request.
   * The last call for a record wins.
   */
  async put(kind: string, id: string, document: SearchDocument): Promise<void> {
    await this.putAll(kind, [{ id, document }]);
  }

  /** Like put, for many records. */
  putAll(
    kind: string,
    documents: readonly { readonly id: string; readonly document: SearchDocument }[],
  ): Promise<void> {
    const collect = (language: string): void =>
      this.collect(documents.map(({ id, document }) => ({ kind, id, language, document })));
    const language = this.languages.languageOf(this.context.workspaceId());
    if (typeof language !== 'string') return language.then(collect);
    collect(language);
    return Promise.resolve();
  }

  /** Takes documents away, with COMMIT. */
  remove(kind: string, ids: readonly string[]): void {
    this.collect(ids.map((id) => ({ kind, id, language: '', document: null })));
  }

  /** One page of the records of a kind that hold every word, best or newest first. */
  async page(request: SearchPageRequest): Promise<SearchPage> {
    const source = await this.matches({ ...request, limit: request.limit + 1 });
    const rows = await this.ask<SearchPageHit>({
      text: `select kind, id, score, created_at from ${source.text}`,
      values: source.values,
    });
    const hits = rows.slice(0, request.limit);
    const last = rows.length > request.limit ? hits.at(-1) : undefined;
    return {
      hits,
      ids: hits.map(({ id }) => id),
      next: last ? { score: last.score, created_at: last.created_at, id: last.id } : null,
    };
  }

  /** How many records a list holds in all. */
  async count(request: Omit<SearchPageRequest, 'order' | 'limit' | 'after'>): Promise<number> {
    const source = await this.matches({ ...request, order: 'created_at', limit: null });
    const rows = await this.ask<{ count: number }>({
      text: `select count(*) as count from ${source.text}`,
      values: source.values,
    });
    return rows[0]?.count ?? 0;
  }

  /**
   * The list door as a table `(kind, id, score, created_at)` for a repository's own statement, so that filters on its own
   * columns join it: `select c.* from app.search_text(...) s join contacts c on c.id = s.id where ...`.
   * @param first the number of the statement's first free parameter.
   */
  async matches(
    request: Omit<SearchPageRequest, 'limit'> & { readonly limit: number | null },
    first = 1,
  ): Promise<Statement> {
    const query = readSearchQuery(request.q ?? '');
    return textSource(first, {
      mode: 'all',
      language: await this.configuration(),
      required: query.is_empty ? null : query.required,
      excluded: query.excluded,
      ...this.filters({ ...request, kinds: [request.kind] }),
      order: request.order,
      after_score: request.after?.score,
      after_created_at: request.after?.created_at,
      after_id: request.after?.id,
      limit: request.limit,
    });
  }

  /**
   * A list's `q` and `tag` as one more condition of its own statement, with `?` for the values, for `ListQuery.and`. It asks
   * for all that match: where words are the only filter, `page` stops early.
   */
  async condition(request: Omit<SearchPageRequest, 'order' | 'limit' | 'after'>): Promise<Statement> {
    const source = await this.matches({ ...request, order: 'created_at', limit: null });
    return { text: `id in (select id from ${source.text.replace(/\$\d+/g, '?')})`, values: source.values };
  }

  /** The documents that hold any word of a question, by BM25; no word, no hits. */
  async recall(request: SearchQuestion): Promise<SearchHit[]> {
    const source = textSource(1, {
      mode: 'any',
      language: await this.configuration(),
      question: question(request.query),
      ...this.filters(request),
      order: 'rank',
      limit: request.limit,
    });
    return this.ask({ text: `select kind, id, score from ${source.text}`, values: source.values });
  }

  /** The documents whose title resembles the text (trigrams, 0..1; at least 0.3): names, and names misspelt. */
  titles(request: SearchQuestion & { readonly min_similarity?: number }): Promise<SearchHit[]> {
    const filters = this.filters(request);
    return this.ask({
      text: 'select kind, id, score from app.search_titles($1, $2, $3, $4, $5, $6, $7, $8, $9)',
      values: [
        question(request.query),
        Math.max(0.3, request.min_similarity ?? 0.3),
        filters.viewer,
        filters.kinds,
        filters.project_id,
        filters.tags,
        filters.since,
        filters.until,
        request.limit,
      ],
    });
  }

  /** The documents about any of the given records (`contact/<id>`); those that answer the query come first, then the newest. */
  async anchored(
    request: Omit<SearchQuestion, 'query'> & { readonly anchors: readonly string[]; readonly query?: string },
  ): Promise<SearchHit[]> {
    const filters = this.filters(request);
    return this.ask({
      text: 'select kind, id, score from app.search_anchors($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
      values: [
        request.anchors,
        await this.configuration(),
        question(request.query ?? ''),
        filters.viewer,
        filters.kinds,
        filters.project_id,
        filters.tags,
        filters.since,
        filters.until,
        request.limit,
      ],
    });
  }

  /** The texts of hits, from the rooms that keep them, in the hits' order; what is gone or not readable is left out. */
  async load<Hit extends { readonly kind: string; readonly id: string }>(
    hits: readonly Hit[],
  ): Promise<(Hit & LoadedDocument)[]> {
    const loaded = new Map<string, LoadedDocument>();
    await Promise.all(
      [...new Set(hits.map(({ kind }) => kind))].map(async (kind) => {
        const owner = this.owners.get(kind);
        if (!owner) throw new Error(`nobody registered the search kind ${kind}`);
        const ids = hits.filter((hit) => hit.kind === kind).map(({ id }) => id);
        for (const document of await owner.load(ids)) loaded.set(`${kind}/${document.id}`, document);
      }),
    );
    return hits.flatMap((hit) => {
      const document = loaded.get(`${hit.kind}/${hit.id}`);
      return document ? [{ ...hit, ...document }] : [];
    });
  }

  private collect(changes: readonly SearchChange[]): void {
    if (changes.length > 0) this.database.atCommit(searchWriter, ...changes);
  }

  /** Joins the open transaction, else opens one that only reads. */
  private ask<Row extends object>(statement: Statement): Promise<Row[]> {
    return this.database.readRows<Row>(statement.text, statement.values);
  }

  private async configuration(): Promise<string> {
    return searchConfiguration(await this.languages.languageOf(this.context.workspaceId()));
  }

  private filters(request: SearchFilters): Record<string, unknown> {
    return {
      viewer: searchOwner(this.context.principal()) ?? NIL_UUID,
      kinds: request.kinds ?? null,
      project_id: request.project_id ?? null,
      tags: request.tags && request.tags.length > 0 ? request.tags.map(searchableTag) : null,
      since: request.since ?? null,
      until: request.until ?? null,
    };
  }
}

function textSource(first: number, parameters: Readonly<Record<string, unknown>>): Statement {
  return {
    text: `app.search_text(${SEARCH_TEXT.map((_, index) => `$${first + index}`).join(', ')})`,
    values: SEARCH_TEXT.map((name) => parameters[name] ?? null),
  };
}

function question(text: string): string {
  return searchableText(text.slice(0, MAX_QUESTION_LENGTH));
}
