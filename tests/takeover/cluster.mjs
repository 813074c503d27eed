// A run in a cluster is taken over with `handback take`, through a port-forward, in a person's own real
// browser. Started by tests/e2e, which has made the run: cluster.mjs NAMESPACE RUN SHOP-NAMESPACE
//
// The run has left the shop's ledger page open with the focus in its field, so that what reaches the
// page is known to the shop.

import assert from 'node:assert/strict';
import { handBack, inControl, until } from './stage.mjs';
import { kubectl, ledger, personAt } from './person.mjs';

const [namespace, run, shop] = process.argv.slice(2);

async function keys() {
  return (await ledger(shop)).filter((entry) => entry.type === 'keydown' && entry.key.length === 1).map((entry) => entry.key);
}

async function handoffs() {
  const all = JSON.parse(await kubectl('get', 'handoffs', '-n', namespace, '-o', 'json')).items;
  return all.map(({ spec, status }) => `${spec.mode} ${status?.phase}`).sort();
}

const person = await personAt(namespace, run);

try {
  const before = (await keys()).length;
  const typed = async () => (await keys()).slice(before).join('');

  // A watcher sees the picture, and nothing of theirs reaches the page.
  const watching = person.take('--view');
  const watcher = await person.open(watching);
  await watcher.locator('#picture canvas').click({ position: { x: 300, y: 300 }, force: true });
  await watcher.keyboard.type('xyz');

  const holding = person.take();
  const holder = await person.open(holding);
  // The page came with the right to it: nothing has to be clicked.
  await inControl(holder);
  await holder.keyboard.type('ok');
  await until(async () => `"ok" in the ledger, where there is ${await typed()}`, async () => (await typed()) === 'ok');

  // A second person is refused, and told who has it.
  const second = person.take();
  const [code] = await second.ended;
  assert.notEqual(code, 0, second.said());
  assert.match(second.said(), /has the browser|is taken|in use|held by/i);

  const control = JSON.parse(await kubectl('get', 'testrun', run, '-n', namespace, '-o', 'json')).status.control;
  assert.equal(control?.mode, 'Control', JSON.stringify(control));

  await handBack(holder);
  await until('the end of the handoff, in the cluster', async () => (await handoffs()).includes('Control Finished'));
  await until('a free slot', async () => {
    const { status } = JSON.parse(await kubectl('get', 'testrun', run, '-n', namespace, '-o', 'json'));
    return !status.control;
  });
  await holder.keyboard.type('never');

  // The watcher was there all the time.
  assert.equal(await watcher.locator('#picture canvas').isVisible(), true);
  await watching.stop();
  await holding.stop();
  // What had been let through would have arrived: both programs have ended in order since.
  assert.equal(await typed(), 'ok');
  await until('all handoffs to be over', async () => !(await handoffs()).some((one) => one.endsWith('Running')));
  console.log('taken over');
} finally {
  await person.stop();
}
