// The same Chromium that Handback drives, and the shop; both end with this process.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const PLACES = ['/usr/lib/chromium/chromium', '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** A browser with a page of the given size. `CHROMIUM` names another program. */
export async function open(viewport) {
  const executablePath = process.env.CHROMIUM ?? PLACES.find(existsSync);
  if (!executablePath) throw new Error('no Chromium found; set CHROMIUM to its path');
  const root = process.getuid?.() === 0;
  const browser = await chromium.launch({ executablePath, headless: true, chromiumSandbox: !root });
  const context = await browser.newContext({ viewport });
  return { browser, page: await context.newPage() };
}

/** The shop on a free port: `{ url, stop }`. */
export async function shop(environment = {}) {
  const server = fileURLToPath(new URL('../../tests/site/server.mjs', import.meta.url));
  const child = spawn(process.execPath, [server, '--until-stdin-ends'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
  const lines = createInterface({ input: child.stdout });
  const url = await Promise.race([
    once(lines, 'line').then(([line]) => line),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the shop ended with ${code}`))),
  ]);
  return {
    url,
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}
