// What a person at a cluster has: kubectl, `handback take` and a real browser of their own. Started by
// tests/e2e in the network of the cluster.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { startPerson, startTake } from './stage.mjs';

const execute = promisify(execFile);

export async function kubectl(...words) {
  return (await execute('kubectl', words)).stdout;
}

/** All entries of the ledger of the shop in this namespace. */
export async function ledger(shop) {
  return JSON.parse(await kubectl('get', '--raw', `/api/v1/namespaces/${shop}/services/shop:80/proxy/__ledger`));
}

/** Somebody who takes the browser of one run, several times if they like. `stop()` ends all of it. */
export async function personAt(namespace, run) {
  const browser = await startPerson();
  const started = [];
  return {
    take(...more) {
      const one = startTake(run, namespace, ...more);
      started.push(one);
      return one;
    },
    /** Opens the page of a `handback take`; a page shows the picture when it is given back. */
    async open(program) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
      const page = await context.newPage();
      await page.goto(await program.address());
      await page.locator('#picture canvas').waitFor();
      return page;
    },
    async stop() {
      await browser.close();
      await Promise.all(started.map((take) => take.stop()));
    },
  };
}
