// Times of playwright-core on the benchmark pages: the accessibility snapshot and a click.
//
//   node page.mjs [--url URL] [--count 20]
//
// One JSON line for each page size, with medians in milliseconds and the snapshot's length.

import { parseArgs } from 'node:util';

import { median, open, shop } from './launch.mjs';

const SIZES = [
  { controls: 50, elements: 205 },
  { controls: 500, elements: 2095 },
  { controls: 3000, elements: 12_595 },
];
const WARM_UPS = 3;

const { values: options } = parseArgs({ options: { url: { type: 'string' }, count: { type: 'string', default: '20' } } });
const count = Number(options.count);
const site = options.url ? { url: options.url, stop: async () => {} } : await shop();
const { browser, page } = await open({ width: 1280, height: 720 });

/** Medians after a few warm-up rounds. */
async function time(action) {
  const times = [];
  for (let round = 0; round < WARM_UPS + count; round += 1) {
    const began = performance.now();
    await action();
    if (round >= WARM_UPS) times.push(performance.now() - began);
  }
  return Number(median(times).toFixed(1));
}

try {
  for (const { controls, elements } of SIZES) {
    await page.goto(new URL(`/bench/${controls}`, site.url).href);
    const found = await page.evaluate(() => document.querySelectorAll('*').length);
    if (found !== elements) throw new Error(`page ${controls} has ${found} elements, not ${elements}: bench-page.mjs has changed`);
    let text = '';
    const snapshot = await time(async () => {
      text = await page.ariaSnapshot({ mode: 'ai' });
    });
    const click = await time(() => page.getByRole('button', { name: 'Increment counter' }).click());
    console.log(JSON.stringify({ controls, snapshot_ms: snapshot, click_ms: click, snapshot_characters: text.length, count }));
  }
} finally {
  await browser.close();
  await site.stop();
}
