/** A process of its own that takes until it is told to stop, and reports the time of each admission. */
import { DataSource } from 'typeorm';
import { Context } from '../../../dist/src/platform/context/context.js';
import { SystemDatabase } from '../../../dist/src/platform/database/system-database.js';
import { wireTypes } from '../../../dist/src/platform/database/types.js';
import { SqlLeaseStore } from '../../../dist/src/platform/limits/lease-store.js';
import { ProcessClock } from '../../../dist/src/platform/limits/limiter-clock.js';
import { Limiter } from '../../../dist/src/platform/limits/limiter.js';

const [url, policyJson, ms] = process.argv.slice(2);
const source = new DataSource({
  type: 'postgres',
  url,
  poolSize: 2,
  installExtensions: false,
  extra: { pipeline: true, types: wireTypes },
});
await source.initialize();
const limiter = new Limiter(new SqlLeaseStore(new SystemDatabase(source, new Context())), new ProcessClock());
const policies = [JSON.parse(policyJson)];
process.send({ ready: true });
await new Promise((resolve) => process.once('message', resolve));

const ends = Date.now() + Number(ms);
while (Date.now() < ends) {
  const admitted_at = [];
  for (let i = 0; i < 20; i++) {
    const taken = limiter.take(policies);
    const decision = taken instanceof Promise ? await taken : taken;
    if (decision.admitted) admitted_at.push(Date.now());
  }
  // A report that is lost with its process only makes the count smaller.
  if (admitted_at.length > 0) process.send({ admitted_at });
  await new Promise((resolve) => setTimeout(resolve, 2));
}
await limiter.returnAll();
await source.destroy();
process.disconnect();
