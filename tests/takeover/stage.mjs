// What the takeover tests stand on: the shop, a real run that keeps its browser, and a person's
// browser that is another real Chromium.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = new URL('../../', import.meta.url).pathname;
const web = createRequire(join(root, 'web/package.json'));
const { chromium } = web('playwright-core');

export const axe = web.resolve('axe-core/axe.min.js');

const program = process.env.HANDBACK_BINARY ?? join(root, 'target/debug/handback');

/** Where Debian has the browser itself, behind its wrapper. */
const browserProgram = ['/usr/lib/chromium/chromium', '/usr/bin/google-chrome'].find(existsSync);

/** Asks again until the answer is truthy; fails with `what` after a minute. `what` may be a function,
 * which tells then what there was instead. */
export async function until(what, ask) {
  const end = Date.now() + 60_000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`never: ${typeof what === 'function' ? await what() : what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

class Lines {
  constructor(stream) {
    this.all = [];
    this.waiting = [];
    createInterface({ input: stream }).on('line', (line) => {
      this.all.push(line);
      for (const check of this.waiting.splice(0)) check();
    });
  }

  /** The n-th line (from 0) that contains `text`. */
  async containing(text, n = 0) {
    return until(`a line with ${text}, after:\n${this.all.join('\n')}`,
      () => this.all.filter((line) => line.includes(text))[n]);
  }
}

export async function startShop() {
  const child = spawn(process.execPath, [join(root, 'tests/site/server.mjs'), '--port', '0'],
    { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = new Lines(child.stdout);
  const url = (await lines.containing('http://')).trim();
  return {
    url,
    ledger: async () => (await fetch(`${url}/__ledger`)).json(),
    stop: () => end(child),
  };
}

/** A run that is over and keeps its browser; `address()` gives a fresh one-use takeover address. */
export async function startRun(url, plan, ...more) {
  const place = mkdtempSync(join(tmpdir(), 'handback-takeover-'));
  chmodSync(place, 0o711);
  const child = spawn(program, ['run', '--url', url, '--plan', plan, '--keep-alive=600', ...more], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH, HOME: place, TMPDIR: place, CI: 'true', USER: 'ada',
      HANDBACK_PROFILES_DIR: join(place, 'profiles'), XDG_STATE_HOME: join(place, 'state'), XDG_RUNTIME_DIR: join(place, 'runtime'),
    },
  });
  const [stdout, stderr] = [new Lines(child.stdout), new Lines(child.stderr)];
  const found = (line) => line.match(/http:\/\/\S+#t=[^\s&]+(?=\s|$)/)?.[0];
  const used = new Set();
  return {
    place, stdout, stderr, pid: child.pid,
    ended: once(child, 'exit'),
    address: () => until(`a takeover address in:\n${stdout.all.join('\n')}\n${stderr.all.join('\n')}`, () => {
      const fresh = [...stdout.all, ...stderr.all].map(found).find((one) => one && !used.has(one));
      if (fresh) used.add(fresh);
      return fresh;
    }),
    stop: async () => {
      await end(child);
      rmSync(place, { recursive: true, force: true });
    },
  };
}

/** `handback take` of a run in the cluster that KUBECONFIG names. */
export function startTake(run, namespace, ...more) {
  const child = spawn(program, ['take', run, '--namespace', namespace, '--no-open', ...more], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr] = [new Lines(child.stdout), new Lines(child.stderr)];
  const said = () => [...stdout.all, ...stderr.all].join('\n');
  return {
    said,
    ended: once(child, 'exit'),
    address: () => until(() => `an address in:\n${said()}`, () => stdout.all.find((line) => line.startsWith('http://'))),
    stop: () => end(child),
  };
}

export const sentence = (page) => page.locator('#sentence').innerText();

export async function takeOver(page) {
  await page.locator('#take').click();
  await inControl(page);
}

export async function inControl(page) {
  await until('in control', async () => (await sentence(page)).includes('in control'));
}

export async function handBack(page) {
  await page.locator('#release').click();
  await page.locator('#release-dialog button[type=submit]').click();
  await until('watching again', async () => !(await sentence(page)).includes('in control'));
}

/** A person's browser, on this machine or inside the network of a test cluster. */
export function startPerson(cluster = null) {
  return chromium.launch({
    executablePath: cluster ? inside(cluster) : browserProgram,
    // Root has no other way; the pages that it opens are our own.
    args: process.getuid() === 0 ? ['--no-sandbox'] : [],
  });
}

/** A program that starts the browser inside. */
function inside(cluster) {
  const path = join(mkdtempSync(join(tmpdir(), 'handback-person-')), 'browser');
  const line = `HANDBACK_CLUSTER=${cluster} exec '${join(root, 'tests/cluster/in')}' '${browserProgram}' "$@"`;
  writeFileSync(path, `#!/bin/sh\n${line}\n`, { mode: 0o700 });
  return path;
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
