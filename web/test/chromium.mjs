// One Chromium for a test file. Set HANDBACK_CHROMIUM if it is elsewhere.

import { chromium } from 'playwright-core';

export function launch() {
  return chromium.launch({ executablePath: process.env.HANDBACK_CHROMIUM ?? '/usr/lib/chromium/chromium', args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] });
}

/** Waits until `check` is true; `what` is named if it never is. */
export async function until(what, check, ms = 15_000) {
  const end = Date.now() + ms;
  for (;;) {
    if (await check()) return;
    if (Date.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** A page whose console errors and policy violations are collected. */
export async function open(browser, address, options = {}) {
  const context = options.context ?? (await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', ...options }));
  const page = await context.newPage();
  const problems = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.addInitScript(() => {
    window.violations = [];
    document.addEventListener('securitypolicyviolation', (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
  });
  await page.goto(address);
  return { page, context, problems };
}

export function state(page, name) {
  return page.waitForFunction((wanted) => document.body.dataset.state === wanted, name, { timeout: 15_000 });
}
