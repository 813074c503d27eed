// The shop under test, and a place of its own for our server: everything that it writes lies below.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = new URL('../../', import.meta.url).pathname;

export const program = process.env.HANDBACK_BINARY ?? join(root, 'target/debug/handback');

/** The first line that a process prints. */
export async function firstLine(child) {
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(([code]) => { throw new Error(`it ended with ${code} and printed nothing`); }),
  ]);
  return line.trim();
}

/** Ends a process that ends with its standard input. */
export async function end(child) {
  const gone = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null;
  child.stdin.end();
  await gone;
}

export async function startShop() {
  const child = spawn(process.execPath, [join(root, 'tests/site/server.mjs'), '--port', '0', '--until-stdin-ends'],
    { stdio: ['pipe', 'pipe', 'inherit'] });
  return { url: await firstLine(child), stop: () => end(child) };
}

export function makePlace() {
  const place = mkdtempSync(join(tmpdir(), 'handback-mcp-'));
  // The browser's unprivileged user must be able to pass through.
  chmodSync(place, 0o711);
  const env = {
    PATH: process.env.PATH,
    HOME: place,
    TMPDIR: place,
    XDG_STATE_HOME: join(place, 'state'),
    HANDBACK_RUNTIME_DIR: join(place, 'runtime'),
    HANDBACK_PROFILES_DIR: join(place, 'profiles'),
    SHOP_PASSWORD: 'analytical-engine',
  };
  return { place, env, remove: () => rmSync(place, { recursive: true, force: true }) };
}

/** What both clients ask for: one case that passes, and one whose check fails. */
export const PLAN = `#Case 1: A blanket
Open /product/harbour-blanket
Click "Add to basket"
Verify "Harbour blanket added to your basket" is visible

#Case 2: A title that is not there
Open /basket
Verify the title is "No such title"
`;
