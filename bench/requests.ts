import type { LoadProcess } from './children.js';
import { type Figure, median } from './figures.js';
import type { LoadResult, Operation } from './load.js';
import type { Contender, ContenderName, Stage } from './stage.js';

/** Of express + pg doing the same rows in the same run: the targets of the first issue, and contacts.md, "Speed". */
const LEAST_OF_EXPRESS: Readonly<Record<Operation, number>> = { create: 0.65, get: 0.65, list: 0.65 };

const WHAT: Readonly<Record<Operation, string>> = {
  create: 'create a contact',
  get: 'get a contact by id',
  list: 'list 50 contacts',
};

const ROUNDS = 3;
const WARM_UP_SECONDS = 1;
/** Written by a create, whoever serves it. */
const WRITTEN = ['contacts', 'search_documents', 'subjects', 'lookup_keys', 'events'];

interface Sample extends LoadResult {
  /** CPU time of the server process. */
  readonly cpu_us_per_request: number;
}

/** Requests per second of Engawa and its peers, in turns; each ratio is the median of those of the rounds. */
export async function measureRequests(
  stage: Stage,
  load: LoadProcess,
  operation: Operation,
  seconds: number,
): Promise<Figure[]> {
  const samples: Record<ContenderName, Sample[]> = { engawa: [], http: [], express: [] };
  for (const contender of stage.contenders) await sample(stage, load, contender, operation, WARM_UP_SECONDS);
  if (operation === 'create') await demandSameRows(stage);
  for (let round = 0; round < ROUNDS; round++) {
    for (let turn = 0; turn < stage.contenders.length; turn++) {
      const contender = stage.contenders[(round + turn) % stage.contenders.length];
      if (!contender) continue;
      if (operation === 'create') await stage.restore(contender);
      samples[contender.name].push(await sample(stage, load, contender, operation, seconds));
    }
  }
  if (operation === 'create') for (const contender of stage.contenders) await stage.restore(contender);
  const against = (peer: 'http' | 'express') =>
    median(
      samples.engawa.map((own, round) => own.requests_per_second / (samples[peer][round]?.requests_per_second ?? NaN)),
    );
  const detail = (peer: 'http' | 'express') => `${shown(samples.engawa)} to ${shown(samples[peer])}`;
  return [
    {
      what: `${WHAT[operation]}, of express + pg`,
      value: against('express'),
      unit: 'x',
      least: LEAST_OF_EXPRESS[operation],
      detail: detail('express'),
    },
    { what: `${WHAT[operation]}, of node:http + pg`, value: against('http'), unit: 'x', detail: detail('http') },
  ];
}

async function sample(
  stage: Stage,
  load: LoadProcess,
  { server, name }: Contender,
  operation: Operation,
  seconds: number,
): Promise<Sample> {
  const before = server.cpu_us();
  const label = `${name}${Date.now().toString(36)}x`;
  const key = stage.key.text;
  const result = await load.run({ url: server.url, key, operation, seconds, ids: stage.ids, label });
  return { ...result, cpu_us_per_request: (server.cpu_us() - before) / result.requests };
}

/** A comparison is worth nothing unless all write the same rows. */
async function demandSameRows({ contenders }: Stage): Promise<void> {
  const counts = await Promise.all(
    contenders.map(async ({ owner }) => {
      const { rows } = await owner.query<Record<string, number>>(
        `select ${WRITTEN.map((table) => `(select count(*)::float8 from ${table} where workspace_id = w.id) as ${table}`).join(', ')},
           (select count(*)::float8 from contacts where external_id is null) as created,
           (select avg(length)::float8 from search_documents s join contacts c using (workspace_id, id) where c.external_id is null) as words
         from workspaces w`,
      );
      const [row] = rows;
      if (!row) throw new Error('the workspace is gone');
      const { created = 0, words = 0, contacts = 0, events = 0, ...others } = row;
      const perContact = Object.values(others).map((count) => (count / contacts).toFixed(2));
      return [...perContact, (events / created).toFixed(2), words.toFixed(0)].join(' ');
    }),
  );
  if (new Set(counts).size !== 1) throw new Error(`the contenders do not write the same rows: ${counts.join(' | ')}`);
}

function shown(samples: readonly Sample[]): string {
  const middle = (of: (sample: Sample) => number) => Math.round(median(samples.map(of))).toLocaleString('en');
  return `${middle((sample) => sample.requests_per_second)}/s (p99 ${middle((sample) => sample.p99_ms)} ms, CPU ${middle((sample) => sample.cpu_us_per_request)} µs)`;
}
