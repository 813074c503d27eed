// From the click on "Take over" to the first input in the page under test, and what an idle kept
// browser costs. Stands on the stage of the takeover tests.

import { mkdtempSync, rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

import { median, mib, ms, p95, table } from './blocks.mjs';
import { memory } from './processes.mjs';

const PLAN = `#Case 1: Half-filled
Open /ledger
Scroll to "Half way"
Type "half" into the "Message" field
Verify "Half way" is visible`;

/** How often the key is pressed until the first one is admitted. */
const PRESS_MS = 5;

export async function takeover(program, count) {
  process.env.HANDBACK_BINARY = program;
  const { startPerson, startRun, startShop, until } = await import('../tests/takeover/stage.mjs');
  const [shop, person] = [await startShop(), await startPerson()];
  const run = await startRun(shop.url, PLAN);
  try {
    const page = await (await person.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
    await page.goto(await run.address());
    await page.locator('#picture canvas').waitFor();
    const idle = Object.entries(memory(run.pid)).sort(([, a], [, b]) => b - a);
    const [shown, delivered, typed] = [[], [], []];
    for (let round = 0; round < count; round += 1) {
      const seen = (await shop.ledger()).length;
      const first = async () => (await shop.ledger()).slice(seen).find(({ type }) => type === 'keydown');
      await page.locator('#take').waitFor();
      const inControl = page.waitForFunction(() => /in control/.test(document.getElementById('sentence').textContent)).then(() => Date.now());
      const clicked = Date.now();
      await page.locator('#take').click();
      // A hurried person: what is typed too early is dropped, so the first key that arrives tells.
      let arrived = null;
      const end = Date.now() + 30_000;
      while (!arrived && Date.now() < end) {
        await page.keyboard.press('Shift');
        await pause(PRESS_MS);
        arrived = await first();
      }
      shown.push(await inControl - clicked);
      delivered.push(arrived.received - clicked);

      const before = (await shop.ledger()).length;
      const pressed = Date.now();
      await page.keyboard.press('Control');
      const key = await until('the second key', async () =>
        (await shop.ledger()).slice(before).find(({ type, key }) => type === 'keydown' && key === 'Control'));
      typed.push(key.received - pressed);
      await page.locator('#release').click();
      await page.locator('#release-dialog button[type=submit]').click();
      await until('watching again', async () => !/in control/.test(await page.locator('#sentence').innerText()));
    }
    const row = (what, values) => [what, ms(median(values)), ms(p95(values))];
    return [
      '### Taking over\n',
      table(['', 'median, ms', 'p95, ms'], [
        row('click on Take over to "You are in control"', shown),
        row('click on Take over to the first key in the page under test', delivered),
        row('a key while in control, to the page under test', typed),
      ]),
      '',
      table(['kept browser, one viewer, apart from the browser', 'MiB'], idle.map(([name, size]) => [name, mib(size)])),
      '',
    ].join('\n');
  } finally {
    await person.close();
    await run.stop();
    await shop.stop();
  }
}
