import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AppendOnly } from './append-only.js';

/** What every arm of the search obeys; the same text in all functions, so that none can forget a line of it. */
const FILTERS = `
  d.workspace_id = ws and not d.hidden
  and (d.valid_until is null or d.valid_until > now())
  and (d.visibility <> 'private' or d.owner_id = p_viewer)
  and (one_kind is null or d.kind = one_kind) and (many_kinds is null or d.kind = any (many_kinds))
  and (p_project_id is null or d.project_id = p_project_id)
  and (p_tags is null or (d.tags <> '{}' and d.tags @> p_tags))
  and (p_since is null or coalesce(d.occurred_at, d.created_at) >= p_since)
  and (p_until is null or coalesce(d.occurred_at, d.created_at) < p_until)`;

/** One kind is compared by equality, so that an index can give its rows in order. */
const VARIABLES = `
        ws uuid := app.required_workspace_id();
        one_kind text := case when cardinality(p_kinds) = 1 then p_kinds[1] end;
        many_kinds text[] := case when cardinality(p_kinds) = 1 then null else p_kinds end;`;

const FILTER_PARAMETERS = `
  p_viewer uuid, p_kinds text[], p_project_id uuid, p_tags text[], p_since timestamptz, p_until timestamptz`;

/** Custom plans, because the best plan depends on the words; no JIT, which costs more than these queries take. */
const SETTINGS = `
  language plpgsql stable security definer
  set search_path = pg_catalog, public, pg_temp
  set plan_cache_mode = force_custom_plan
  set jit = off
  set client_min_messages = warning`;

/**
 * BM25 (Robertson, Zaragoza 2009; k1 = 1.2, b = 0.75) over the rows of the CTE "matched": document frequencies over all of
 * them, scores for the 200 best by ts_rank. Length is counted in distinct lexemes. A tsv of more than a few words lies
 * outside of its row and is costly to fetch, so it is read once for ts_rank and once more for the 200 best only.
 * @param occurring the number of matched rows with the lexeme of w.query.
 */
const bm25 = (occurring: string): string => `
  words as materialized (
    select w.lexeme, app.lexeme_query(w.lexeme) as query from unnest(lexemes) as w (lexeme)
  ),
  corpus as materialized (
    select count(*)::double precision as size, avg(m.length)::double precision as average_length from matched m
  ),
  frequencies as materialized (
    select w.lexeme, (${occurring})::double precision as df from words w
  ),
  best as materialized (
    select m.kind, m.id from matched m order by m.rank desc, m.id desc limit 200
  ),
  occurrences as materialized (
    select d.kind, d.id, d.length, d.created_at, f.df, cardinality(t.positions)::double precision as tf
    from best b join search_documents d on d.workspace_id = ws and d.kind = b.kind and d.id = b.id
      cross join lateral unnest(d.tsv) as t join frequencies f on f.lexeme = t.lexeme
  ),
  scored as materialized (
    select o.kind, o.id, o.created_at,
      sum(ln(1 + (c.size - o.df + 0.5) / (o.df + 0.5))
        * o.tf * 2.2 / (o.tf + 1.2 * (0.25 + 0.75 * o.length / c.average_length))) as score
    from occurrences o cross join corpus c group by o.kind, o.id, o.created_at
  )`;

/** The search index: one table that every kind of record writes to, and the only functions that read it by word. */
export class Search1700000000006 extends AppendOnly implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table search_documents (
        workspace_id uuid not null,
        kind text not null,
        id uuid not null,
        title text,
        tsv tsvector not null,
        length integer generated always as (length(tsv)) stored,
        project_id uuid,
        anchors text[] not null default '{}',
        tags text[] not null default '{}',
        visibility text not null default 'workspace',
        owner_id uuid,
        occurred_at timestamptz,
        hidden boolean not null default false,
        valid_until timestamptz,
        created_at timestamptz not null,
        constraint search_documents_pkey primary key (workspace_id, kind, id),
        constraint search_documents_title_check check (length(title) <= 500),
        constraint search_documents_visibility_check check (visibility in ('workspace', 'world', 'private')),
        constraint search_documents_owner_id_check check (visibility <> 'private' or owner_id is not null)
      );
      select app.protect('search_documents');
      create policy search_documents_search on search_documents for select to engawa_search using (true);
      grant usage on schema app, public to engawa_search;
      grant select on search_documents to engawa_search;

      -- Pending lists make a small insert a third cheaper than none (fastupdate off) and bulk loads three times as fast;
      -- small ones, because whoever fills a list merges it (33 ms at 512 kB) and each search reads all of it. Rows without
      -- tags, anchors or title cost these indices nothing.
      create index search_documents_tsv_idx on search_documents using gin (workspace_id, tsv)
        with (gin_pending_list_limit = 256);
      create index search_documents_title_idx on search_documents using gin (workspace_id, title gin_trgm_ops)
        with (gin_pending_list_limit = 256) where title is not null;
      create index search_documents_anchors_idx on search_documents using gin (workspace_id, anchors)
        with (gin_pending_list_limit = 256) where anchors <> '{}';
      create index search_documents_tags_idx on search_documents using gin (workspace_id, tags)
        with (gin_pending_list_limit = 256) where tags <> '{}';
      create index search_documents_created_at_idx on search_documents (workspace_id, kind, created_at desc, id desc)
        where not hidden;

      -- The planner chooses by the frequency of words, so it should know them soon after a bulk load.
      alter table search_documents set (autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 500);
    `);
    await runner.query(`
      -- A workspace must be set: without one a search would be empty and say nothing.
      create function app.required_workspace_id() returns uuid language plpgsql stable as $$
      begin
        if app.workspace_id() is null then raise exception 'no workspace is set: search inside a workspace'; end if;
        return app.workspace_id();
      end $$;

      create function app.lexeme_query(lexeme text) returns tsquery language sql immutable strict parallel safe
        as $$ select ('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''')::tsquery $$;

      -- The lexemes of a question, joined by OR.
      create function app.any_word_query(lexemes text[]) returns tsquery language sql immutable strict parallel safe
        as $$ select string_agg(app.lexeme_query(l)::text, ' | ')::tsquery from unnest(lexemes) as l $$;

      -- Every required term by its stem in the workspace's language or as it is written (titles are indexed both ways). A
      -- stop word of the language ("will") is required only when nothing else is: bodies do not hold it, names may.
      create function app.every_word_query(language regconfig, required text[], excluded text[], out query tsquery)
        language plpgsql stable parallel safe as $$
      declare
        term text;
        stem tsquery;
        written tsquery;
        stop_words tsquery := '';
      begin
        query := '';
        foreach term in array required loop
          stem := to_tsquery(language, term);
          written := to_tsquery('pg_catalog.simple', term);
          if numnode(stem) = 0 then stop_words := stop_words && written;
          elsif stem = written then query := query && stem;
          else query := query && (stem || written);
          end if;
        end loop;
        if numnode(query) = 0 then query := stop_words; end if;
        foreach term in array excluded loop
          written := to_tsquery(language, term) || to_tsquery('pg_catalog.simple', term);
          if numnode(written) > 0 then query := query && !! written; end if;
        end loop;
      end $$;
    `);
    await runner.query(`
      -- Mode "all": rows with every word, in the given order after the given position; a null query means filters only.
      -- Mode "any": the best rows with any word of the question. Score: ts_rank, or BM25.
      create function app.search_text(
        p_mode text, p_language regconfig, p_question text, p_required text[], p_excluded text[], ${FILTER_PARAMETERS},
        p_order text, p_after_score double precision, p_after_created_at timestamptz, p_after_id uuid, p_limit integer
      ) returns table (kind text, id uuid, score double precision, created_at timestamptz) ${SETTINGS} as $$
      #variable_conflict use_column
      declare
        ${VARIABLES}
        every_word tsquery;
        lexemes text[];
        any_word tsquery;
      begin
        if p_mode = 'any' then
          lexemes := tsvector_to_array(to_tsvector(p_language, p_question));
          any_word := app.any_word_query(lexemes);
          if any_word is null then return; end if;
          return query with matched as materialized (
            select d.kind, d.id, d.length, ts_rank('{1,1,1,1}', d.tsv, any_word, 1) as rank from search_documents d
            where d.tsv @@ any_word and ${FILTERS}
          ), ${bm25(`select count(*) from search_documents d where d.tsv @@ w.query and ${FILTERS}`)}
          select s.kind, s.id, s.score, s.created_at from scored s
          order by s.score desc, s.id desc limit p_limit;
          return;
        end if;
        if p_required is not null then
          every_word := app.every_word_query(p_language, p_required, p_excluded);
          if numnode(every_word) = 0 then return; end if;
        end if;
        if p_order = 'rank' and every_word is not null then
          return query with ranked as (
            select d.kind, d.id, ts_rank(d.tsv, every_word, 1)::double precision as score, d.created_at
            from search_documents d where d.tsv @@ every_word and ${FILTERS}
          )
          select r.kind, r.id, r.score, r.created_at from ranked r
          where p_after_id is null or (r.score, r.id) < (p_after_score, p_after_id)
          order by r.score desc, r.id desc limit p_limit;
        else
          return query
          select d.kind, d.id, 0::double precision, d.created_at from search_documents d
          where (every_word is null or d.tsv @@ every_word) and ${FILTERS}
            and (p_after_id is null or (d.created_at, d.id) < (p_after_created_at, p_after_id))
          order by d.created_at desc, d.id desc limit p_limit;
        end if;
      end $$;
    `);
    // pg_trgm must be loaded before its settings can be named by anyone but a superuser.
    await runner.query('select show_limit()');
    await runner.query(`
      -- Titles that resemble the text, as a whole or (names; in a question it would double the time for nothing) in one
      -- part: names and their misspellings.
      create function app.search_titles(
        p_text text, p_min_similarity real, ${FILTER_PARAMETERS}, p_limit integer
      ) returns table (kind text, id uuid, score double precision, created_at timestamptz) ${SETTINGS}
        set pg_trgm.similarity_threshold = 0.3
        set pg_trgm.word_similarity_threshold = 0.5 as $$
      #variable_conflict use_column
      declare
        ${VARIABLES}
      begin
        return query with resembling as (
          select d.kind, d.id, d.created_at,
            greatest(similarity(d.title, p_text), word_similarity(p_text, d.title) * 0.9)::double precision as score
          from search_documents d
          where (d.title % p_text or (length(p_text) <= 40 and d.title %> p_text)) and ${FILTERS}
        )
        select r.kind, r.id, r.score, r.created_at from resembling r where r.score >= p_min_similarity
        order by r.score desc, r.id desc limit p_limit;
      end $$;

      -- Documents anchored to any of the given records ("contact/<id>"), those that answer the question first.
      create function app.search_anchors(
        p_anchors text[], p_language regconfig, p_question text, ${FILTER_PARAMETERS}, p_limit integer
      ) returns table (kind text, id uuid, score double precision, created_at timestamptz) ${SETTINGS} as $$
      #variable_conflict use_column
      declare
        ${VARIABLES}
        lexemes text[] := tsvector_to_array(to_tsvector(p_language, coalesce(p_question, '')));
        any_word tsquery := coalesce(app.any_word_query(lexemes), ''::tsquery);
      begin
        return query with anchored as materialized (
          select d.kind, d.id, d.tsv, d.length, d.created_at, coalesce(d.occurred_at, d.created_at) as moment
          from search_documents d where d.anchors <> '{}' and d.anchors && p_anchors and ${FILTERS}
        ), matched as materialized (
          select a.kind, a.id, a.length, ts_rank('{1,1,1,1}', a.tsv, any_word, 1) as rank
          from anchored a where a.tsv @@ any_word
        ), ${bm25('select count(*) from anchored a where a.tsv @@ w.query')}
        select a.kind, a.id, coalesce(s.score, 0), a.created_at
        from anchored a left join scored s on s.kind = a.kind and s.id = a.id
        order by coalesce(s.score, 0) desc, a.moment desc, a.id desc limit p_limit;
      end $$;
    `);
    await runner.query(`
      do $do$
      declare
        door regprocedure;
      begin
        -- To be given a function, a role must be allowed to create it; for this moment only.
        grant create on schema app to engawa_search;
        for door in
          select p.oid::regprocedure from pg_proc p
          where p.pronamespace = 'app'::regnamespace and p.proname in ('search_text', 'search_titles', 'search_anchors')
        loop
          execute format('revoke all on function %s from public', door);
          execute format('grant execute on function %s to engawa_app', door);
          execute format('alter function %s owner to engawa_search', door);
        end loop;
        revoke create on schema app from engawa_search;
      end $do$;
    `);
  }
}
