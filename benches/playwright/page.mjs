// Times of playwright-core on the benchmark pages: what benches/page.rs measures of us, by the same
// names and with the same rounds.
//
//   node page.mjs [--url URL] [--count 20] [--sizes 50,500,3000]
//
// One JSON line for each page size, with all samples in milliseconds and the snapshot's length.

import { parseArgs } from 'node:util';

import { open, shop } from './launch.mjs';

const ELEMENTS = { 50: 205, 500: 2095, 3000: 12_595 };
const WARM_UPS = 3;

const { values: options } = parseArgs({
  options: {
    url: { type: 'string' },
    count: { type: 'string', default: '20' },
    sizes: { type: 'string', default: '50,500,3000' },
  },
});
const count = Number(options.count);
const site = options.url ? { url: options.url, stop: async () => {} } : await shop();

/** Samples after a few warm-up rounds. */
async function time(action) {
  const times = [];
  for (let round = 0; round < WARM_UPS + count; round += 1) {
    const began = performance.now();
    await action(round);
    if (round >= WARM_UPS) times.push(performance.now() - began);
  }
  return times;
}

async function measure(page, controls) {
  const address = new URL(`/bench/${controls}`, site.url).href;
  const look = () => page.ariaSnapshot({ mode: 'ai' });
  const button = (name) => page.getByRole('button', { name, exact: true });
  const samples = {};
  samples['navigate, tree'] = await time(async (round) => {
    await page.goto(`${address}?round=${round}`);
    await look();
  });
  await page.goto(address);
  const found = await page.evaluate(() => document.querySelectorAll('*').length);
  if (found !== ELEMENTS[controls]) throw new Error(`page ${controls} has ${found} elements: bench-page.mjs has changed`);
  const text = await look();
  const ref = /button "Increment counter".*?\[ref=(\w+)\]/.exec(text)[1];

  samples.tree = await time(look);
  samples['round trip'] = await time(() => page.evaluate('1'));
  samples.click = await time(() => button('Increment counter').click());
  samples['click by ref, tree'] = await time(async () => {
    await page.locator(`aria-ref=${ref}`).click();
    await look();
  });
  samples['click with a fetch'] = await time(() =>
    Promise.all([page.waitForResponse('**/bench/number'), button('Fetch counter').click()]));
  return { controls, characters: text.length, samples };
}

try {
  for (const controls of options.sizes.split(',').map(Number)) {
    const { browser, page } = await open({ width: 1280, height: 720 });
    try {
      console.log(JSON.stringify(await measure(page, controls)));
    } finally {
      await browser.close();
    }
  }
} finally {
  await site.stop();
}
