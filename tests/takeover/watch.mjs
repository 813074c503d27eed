// Watches the browser of a run in a cluster until standard input ends: watch.mjs NAMESPACE RUN
// Says `watching` when the picture is there. Started by tests/e2e.

import { once } from 'node:events';

import { personAt } from './person.mjs';

const [namespace, run] = process.argv.slice(2);
const person = await personAt(namespace, run);
try {
  const page = await person.open(person.take('--view'));
  console.log('watching');
  const end = once(process.stdin, 'end');
  process.stdin.resume();
  await end;
  await page.close();
} finally {
  await person.stop();
}
