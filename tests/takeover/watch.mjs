// Watches the browser of a run in a cluster until standard input ends: watch.mjs NAMESPACE RUN
// Says `watching` when the picture is there. Started by tests/e2e.

import { once } from 'node:events';

import { personAt } from './person.mjs';

const [namespace, run] = process.argv.slice(2);
const person = await personAt(namespace, run);
try {
  const watching = person.take('--view');
  const page = await person.open(watching);
  console.log('watching');
  const end = once(process.stdin, 'end');
  process.stdin.resume();
  await end;
  // As a tab is closed, which Playwright's own close is not: the page says that it goes.
  await page.goto('about:blank');
  await watching.stop();
} finally {
  await person.stop();
}
