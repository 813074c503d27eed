// Looking at a page and clicking on it: our page layer against playwright-core, page by page.

import { fileURLToPath } from 'node:url';

import { mib, ms, median, p95, run, table, takeTurns } from './blocks.mjs';

const SIZES = [50, 500, 3000];
const HERE = fileURLToPath(new URL('.', import.meta.url));

/** Builds the benchmark; what runs it is the program itself, so that no build is measured. */
async function build() {
  const { output } = await run('cargo', ['bench', '--locked', '--bench', 'page', '--no-run', '--message-format=json'], {});
  const built = output.trim().split('\n').map((line) => JSON.parse(line))
    .find((message) => message.executable && message.target.name === 'page');
  return built.executable;
}

export async function pages(url, count) {
  const program = await build();
  const rows = [];
  const sizes = [];
  for (const controls of SIZES) {
    // A block on the largest page takes a minute; half the samples are enough there.
    const samples = String(Math.ceil((controls > 1000 ? count / 2 : count) / 2));
    const args = ['--url', url, '--count', samples, '--sizes', String(controls)];
    const blocks = await takeTurns({
      ours: async () => JSON.parse((await run(program, ['--json', ...args])).output),
      theirs: async () => JSON.parse((await run(process.execPath, [`${HERE}playwright/page.mjs`, ...args])).output),
    });
    const all = (who, what) => blocks[who].flatMap((block) => block.samples[what]);
    for (const what of Object.keys(blocks.ours[0].samples)) {
      const [ours, theirs] = [all('ours', what), all('theirs', what)];
      rows.push([`${controls}: ${what}`, `${ms(median(ours))} (${ms(p95(ours))})`,
        `${ms(median(theirs))} (${ms(p95(theirs))})`, (median(ours) / median(theirs)).toFixed(2)]);
    }
    const [ours, theirs] = [blocks.ours[0], blocks.theirs[0]];
    sizes.push([String(controls), ours.characters.toLocaleString('en'), theirs.characters.toLocaleString('en'),
      (ours.characters / theirs.characters).toFixed(2), mib(median(blocks.ours.map((block) => block.pss_kib))),
      blocks.ours.every((block) => block.late_shown) ? 'yes' : 'no']);
  }
  return [
    '### Pages\n',
    table(['controls: what', 'handback, ms (p95)', 'playwright-core, ms (p95)', 'ratio'], rows),
    '',
    table(['controls', 'handback, characters', 'playwright-core, characters', 'ratio', 'our process, MiB', 'late change shown'], sizes),
    '',
  ].join('\n');
}

/** Whether memory grows with clicks. */
export async function growth(url, clicks) {
  const program = await build();
  const { output } = await run(program, ['--url', url, '--sizes', '3000', '--clicks', String(clicks)]);
  const [half, whole] = JSON.parse(output).pss_kib;
  return `Page layer at 3000 controls: ${mib(half)} MiB after ${clicks / 2} clicks with a look after each, ${mib(whole)} MiB after ${clicks}.\n`;
}
