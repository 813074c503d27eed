// Looks with Playwright at the first page of a browser that somebody else drives: oracle.mjs ENDPOINT.
// For each line on standard input it prints one with the page as nodes of the form
// {role, name, marks: [key or key=value], children}, and texts of the form {text}.

import { createInterface } from 'node:readline';

import { chromium } from 'playwright-core';
import { parse } from 'yaml';

const browser = await chromium.connectOverCDP(process.argv[2]);
const [context] = browser.contexts();

// `button "Save" [disabled] [ref=e2]`
const HEAD = /^([\w-]+)(?: ("(?:[^"\\]|\\.)*"))?((?: \[[^\]]*\])*)$/;

function item(key, value) {
  if (key === 'text') return { text: value };
  const found = HEAD.exec(key);
  if (!found) throw new Error(`not understood: ${key}`);
  const [, role, name, marks] = found;
  const children = typeof value === 'string' ? [{ text: value }] : items(value);
  return { role, name: name ? JSON.parse(name) : '', marks: [...marks.matchAll(/\[([^\]]*)\]/g)].map((mark) => mark[1]), children };
}

// A list has keys alone, and keys with what is below them; those with a slash are properties.
function items(list) {
  const pairs = (list ?? []).flatMap((one) => (typeof one === 'string' ? [[one, null]] : Object.entries(one)));
  return pairs.filter(([key]) => !key.startsWith('/')).map(([key, value]) => item(key, value));
}

process.stdout.write('ready\n');
for await (const _ of createInterface({ input: process.stdin })) {
  const page = context.pages()[0];
  let seen;
  try {
    // Without types: a text that looks like a number is a text.
    seen = items(parse(await page.ariaSnapshot({ mode: 'ai' }), { schema: 'failsafe' }));
  } catch (error) {
    // It stumbles over some pages.
    seen = [{ text: `${error.name}: ${error.message.split('\n')[0]}` }];
  }
  process.stdout.write(`${JSON.stringify(seen)}\n`);
}
// The browser is not ours, so the connection ends with this process.
process.exit(0);
