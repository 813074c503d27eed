// The demo's plan from the command line to the exit code, against its steps as a Playwright script;
// and what a run keeps in memory apart from the browser.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { median, mib, ms, run, table, takeTurns } from './blocks.mjs';
import { memory } from './processes.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PASSWORD = { SHOP_PASSWORD: process.env.SHOP_PASSWORD || 'analytical-engine' };
/** How often a run's memory is looked at. */
const LOOK_MS = 250;

/** The demo in a directory of its own: what `use` makes of the command line and the run's events. */
async function demo(program, url, video, use) {
  await fetch(new URL('/__reset', url), { method: 'POST' });
  const out = mkdtempSync(join(tmpdir(), 'handback-bench-'));
  try {
    const args = ['run', '--url', url, '--plan-file', `${ROOT}examples/shop.md`, '--driver', 'direct', '--secret',
      'SHOP_PASSWORD=env:SHOP_PASSWORD', '--isolated', '--no-keep-alive', '--out', out, video ? '--video' : '--no-video'];
    const events = () => {
      // Beside the run's directory there are a link to the latest one and that link's lock.
      const id = readdirSync(out).find((name) => !name.includes('latest'));
      return readFileSync(join(out, id, 'events.ndjson'), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
    };
    return await use(args, events);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** One run's times. The scenarios are over with the last one's verdict; then come report and video. */
function timed(program, url, video) {
  return demo(program, url, video, async (args, events) => {
    const began = Date.now();
    const { ms: total } = await run(program, args, PASSWORD);
    const lines = events();
    const at = (line) => Date.parse(line.ts);
    const first = lines.find((line) => line.type === 'scenario_start');
    const last = lines.findLast((line) => line.type === 'scenario_complete');
    return { total, scenarios: at(last) - at(first), first: at(lines.find((line) => line.type === 'step')) - began };
  });
}

/** The largest sizes of a run's processes while it runs, in KiB. */
function sized(program, url) {
  return demo(program, url, true, async (args) => {
    const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...PASSWORD } });
    const ended = once(child, 'exit');
    const largest = {};
    while (child.exitCode === null && child.signalCode === null) {
      for (const [name, size] of Object.entries(memory(child.pid))) largest[name] = Math.max(size, largest[name] ?? 0);
      await Promise.race([ended, pause(LOOK_MS)]);
    }
    const [code] = await ended;
    if (code !== 0) throw new Error(`the demo ended with ${code} while its memory was looked at`);
    return largest;
  });
}

export async function demonstration(program, url, rounds) {
  const results = await takeTurns({
    'handback, video': () => timed(program, url, true),
    'handback, no video': () => timed(program, url, false),
    'playwright-core': async () => {
      await fetch(new URL('/__reset', url), { method: 'POST' });
      const script = `${ROOT}benches/playwright/shop.mjs`;
      const { output, ms: total } = await run(process.execPath, [script, '--url', url], PASSWORD);
      return { total, scenarios: JSON.parse(output).steps_ms };
    },
  }, rounds);
  const middle = (name, what) => median(results[name].map((each) => each[what]));
  const rival = 'playwright-core';
  const rows = Object.keys(results).map((name) => [
    name,
    ...['total', 'scenarios'].flatMap((what) =>
      [ms(middle(name, what)), (middle(name, what) / middle(rival, what)).toFixed(2)]),
    name === rival ? '–' : ms(middle(name, 'first')),
  ]);
  const sizes = Object.entries(await sized(program, url)).sort(([, a], [, b]) => b - a);
  return [
    '### The demo\n',
    table(['', 'whole, ms', 'ratio', 'scenarios, ms', 'ratio', 'start to first step, ms'], rows),
    '',
    table(['largest while it runs, apart from the browser', 'MiB'], sizes.map(([name, size]) => [name, mib(size)])),
    '',
  ].join('\n');
}
