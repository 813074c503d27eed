// Everything that is measured, as Markdown: our page layer and the demo beside playwright-core, the
// way from the command line to the first step, taking over, memory.
//
//   node compare.mjs [--only pages,demo,takeover,growth] [--count 20]
//
// Stands on the release build (`make bench` makes it). Milliseconds are of this machine and moment;
// what may be claimed are the ratios, which come from blocks in turn.

import { availableParallelism, cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { busy, run } from './blocks.mjs';
import { demonstration } from './demo.mjs';
import { growth, pages } from './pages.mjs';
import { shop } from './playwright/launch.mjs';
import { takeover } from './takeover.mjs';

const PROGRAM = fileURLToPath(new URL('../target/release/handback', import.meta.url));

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: 'pages,demo,takeover,growth' },
    count: { type: 'string', default: '20' },
  },
});
const count = Number(options.count);
const wanted = options.only.split(',');

process.env.CHROMIUM ??= '/usr/lib/chromium/chromium';
const version = (await run(process.env.CHROMIUM, ['--version'])).output.trim();
const processor = `${availableParallelism()} × ${cpus()[0].model}`;
console.log(`${version}, Node ${process.versions.node}, ${processor}, ${Math.round(totalmem() / 2 ** 30)} GiB\n`);

const site = await shop();
try {
  if (wanted.includes('pages')) console.log(await pages(site.url, count));
  if (wanted.includes('demo')) console.log(await demonstration(PROGRAM, site.url, Math.ceil(count / 6)));
  if (wanted.includes('takeover')) console.log(await takeover(PROGRAM, count));
  if (wanted.includes('growth')) console.log(await growth(site.url, 10 * count));
} finally {
  await site.stop();
}
if (busy.blocks > 0) console.log(`The machine was not idle before ${busy.blocks} of ${busy.of} blocks.`);
