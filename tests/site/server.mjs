// The web shop that our tests and the demo drive. No dependencies, nothing on disk.
//
//   node server.mjs [--host 127.0.0.1] [--port 0] [--until-stdin-ends]
//
// The first line on standard output is its address; with --host 0.0.0.0 the whole network sees it,
// as images/shop wants. SIGTERM and SIGINT end it, and with
// --until-stdin-ends so does the end of its standard input (then it cannot outlive its parent).
// The customer is "ada"; her password is SHOP_PASSWORD, or the one below. SHOP_REVISION is what /healthz
// says is being served.

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { benchPage } from './bench-page.mjs';
import { drawing, find } from './catalogue.mjs';
import * as account from './pages/account.mjs';
import { basket } from './pages/basket.mjs';
import * as browse from './pages/browse.mjs';
import * as buy from './pages/checkout.mjs';
import * as faults from './pages/faults.mjs';
import { html } from './html.mjs';
import { page } from './layout.mjs';
import { ledger } from './ledger.mjs';
import { addToBasket, byGiftToken, reset, session, totals } from './sessions.mjs';

const USER = { login: 'ada', name: 'Ada', password: process.env.SHOP_PASSWORD || 'analytical-engine' };
const REVISION = process.env.SHOP_REVISION || 'dev';
const GIFT_CARDS = { 'PEBBLE-20': 2000 };
const MAX_BODY = 64 * 1024;
const TYPES = { css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml' };

const { values: options } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '0' },
    'until-stdin-ends': { type: 'boolean', default: false },
  },
});

const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    console.error(error);
    if (!response.headersSent) response.writeHead(500, { 'Content-Type': 'text/plain' });
    response.end('The shop has a defect; see its output.\n');
  });
});

async function answer(request, response) {
  const url = new URL(request.url, 'http://shop.invalid');
  const post = request.method === 'POST';
  const path = url.pathname;

  if (post && path === '/__reset') {
    reset();
    return send(response, 'reset\n', { type: 'text/plain' });
  }
  if (path === '/healthz') return send(response, JSON.stringify({ status: 'ok', revision: REVISION }), { type: 'application/json' });
  if (path.startsWith('/assets/')) return asset(response, path.slice('/assets/'.length));
  if (path.startsWith('/art/')) return art(response, path.slice('/art/'.length));
  if (path.startsWith('/bench/')) return bench(response, path.slice('/bench/'.length));
  if (path.startsWith('/faults/')) return fault(request, response, path.slice('/faults/'.length));
  if (path === '/slow') return slow(response, Math.min(Number(url.searchParams.get('ms')) || 3000, 60_000));
  if (ledger(request, response, path)) return undefined;
  if (path === '/echo-secret') return echo(request, response);
  if (path === '/pay/gift-card') return giftCard(request, response, url);
  if (path === '/embed/shops') return send(response, buy.shops());

  const visitor = session(request, response);
  return post ? change(visitor, request, response, url) : show(visitor, request, response, url);
}

async function show(visitor, request, response, url) {
  const [, first, second, third] = url.pathname.split('/');
  switch (first) {
    case '':
      return send(response, browse.home(visitor));
    case 'catalogue':
      return send(response, browse.catalogue(visitor, url));
    case 'search':
      return send(response, browse.results(visitor, url));
    case 'product':
      return send(response, browse.product(visitor, second) ?? missing(visitor, response));
    case 'stock':
      await pause(400);
      return send(response, JSON.stringify({ text: `In stock, ${7 + (second ?? '').length} left` }), { type: 'application/json' });
    case 'basket':
      return send(response, basket(visitor));
    case 'sign-in':
      return send(response, account.signIn(visitor));
    case 'account': {
      if (!visitor.user) return redirect(response, '/sign-in');
      if (second !== 'orders') return send(response, account.account(visitor, url));
      return send(response, account.order(visitor, third) ?? missing(visitor, response));
    }
    case 'checkout': {
      if (second === 'done' && visitor.checkout.placed) return send(response, buy.done(visitor));
      if (visitor.basket.length === 0) return redirect(response, '/basket');
      const step = buy.STEPS.includes(second) ? second : 'contact';
      const open = buy.STEPS.find((each) => !visitor.checkout[`${each}Done`]) ?? 'payment';
      if (buy.STEPS.indexOf(step) > buy.STEPS.indexOf(open)) return redirect(response, `/checkout/${open}`);
      return send(response, buy.checkout(visitor, step, { values: visitor.checkout, giftFrame: giftFrame(visitor, request) }));
    }
    default:
      return send(response, missing(visitor, response));
  }
}

async function change(visitor, request, response, url) {
  const form = await body(request);
  switch (url.pathname) {
    case '/basket/add': {
      const product = find(form.get('slug'));
      if (!product) return send(response, missing(visitor, response));
      const quantity = Math.min(Math.max(Number(form.get('quantity')) || 1, 1), 9);
      addToBasket(visitor, product.slug, quantity, form.get('gift') === 'yes');
      const text = `${quantity === 1 ? '' : `${quantity} × `}${product.name} added to your basket`;
      if (request.headers.accept?.includes('application/json')) {
        return send(response, JSON.stringify({ text, count: totals(visitor).count }), { type: 'application/json' });
      }
      visitor.notice = text;
      return redirect(response, '/basket');
    }
    case '/basket/quantity': {
      const line = visitor.basket.find(({ slug }) => slug === form.get('slug'));
      if (line) line.quantity = Math.min(Math.max(Number(form.get('quantity')) || 1, 1), 9);
      return redirect(response, '/basket');
    }
    case '/basket/delete': {
      const gone = form.getAll('slug');
      visitor.basket = visitor.basket.filter(({ slug }) => !gone.includes(slug));
      visitor.notice = gone.length === 1 ? '1 item deleted' : `${gone.length} items deleted`;
      return redirect(response, '/basket');
    }
    case '/sign-in': {
      const user = form.get('user') ?? '';
      if (user.trim().toLowerCase() !== USER.login || form.get('password') !== USER.password) {
        response.statusCode = 401;
        return send(response, account.signIn(visitor, { values: { user }, error: 'User name or password is wrong.' }));
      }
      visitor.user = USER;
      visitor.notice = `Welcome back, ${USER.name}`;
      return redirect(response, '/account');
    }
    case '/sign-out':
      visitor.user = null;
      visitor.notice = 'You are signed out';
      return redirect(response, '/');
    default: {
      const step = /^\/checkout\/(\w+)$/.exec(url.pathname)?.[1];
      if (!buy.STEPS.includes(step)) return send(response, missing(visitor, response));
      if (visitor.basket.length === 0) return redirect(response, '/basket');
      return advance(visitor, request, response, step, Object.fromEntries(form));
    }
  }
}

/** One step of the checkout was sent. */
function advance(visitor, request, response, step, values) {
  const now = new Date();
  const errors = buy.problems(step, values, now);
  if (Object.keys(errors).length > 0) {
    response.statusCode = 422;
    return send(response, buy.checkout(visitor, step, { values, errors, giftFrame: giftFrame(visitor, request) }));
  }
  const next = buy.STEPS[buy.STEPS.indexOf(step) + 1];
  if (next) {
    Object.assign(visitor.checkout, values, { [`${step}Done`]: true });
    return redirect(response, `/checkout/${next}`);
  }
  // The card's data is not kept.
  const number = `PP-${7001 + visitor.orders.length}`;
  const { total, lines, count } = totals(visitor);
  visitor.orders.push({
    number,
    date: now.toISOString().slice(0, 10),
    first: lines[0].product.name,
    items: count,
    total,
    status: 'On its way',
  });
  visitor.checkout = { placed: { number, email: visitor.checkout.email, total } };
  visitor.basket = [];
  return redirect(response, '/checkout/done');
}

/** The gift card frame lives under another name of the shop: another origin. */
function giftFrame(visitor, request) {
  const [host, port] = (request.headers.host ?? '127.0.0.1').split(':');
  return `http://${otherName(host)}${port ? `:${port}` : ''}/pay/gift-card?token=${visitor.giftToken}`;
}

/** On one machine its two names for itself, another site too. In a cluster shop is also shop-pay: both are Services. */
function otherName(host) {
  if (host === 'localhost') return '127.0.0.1';
  if (host === '127.0.0.1') return 'localhost';
  return /^[\d.]+$/.test(host) ? host : host.replace(/^[^.]+/, '$&-pay');
}

async function giftCard(request, response, url) {
  const token = url.searchParams.get('token') ?? '';
  const visitor = byGiftToken(token);
  if (!visitor) {
    response.statusCode = 403;
    return send(response, buy.giftCard('', { message: 'This payment is over.' }));
  }
  if (request.method !== 'POST') return send(response, buy.giftCard(token));
  const code = ((await body(request)).get('code') ?? '').trim().toUpperCase();
  const amount = GIFT_CARDS[code] ?? 0;
  visitor.checkout.giftCard = amount;
  const message = amount > 0 ? '£20.00 will be taken off.' : 'We do not know this code.';
  return send(response, buy.giftCard(token, { code, message, amount }));
}

async function echo(request, response) {
  if (request.method !== 'POST') return send(response, faults.echo(null));
  const values = Object.fromEntries(await body(request));
  const encoded = encodeURIComponent(values.secret ?? '');
  response.appendHeader('Set-Cookie', `echo=${encoded}; Path=/`);
  return send(response, faults.echo(values, `/echo-secret?secret=${encoded}#${encoded}`));
}

async function slow(response, ms) {
  const { start, end } = faults.slow();
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
  response.write(start);
  await pause(ms);
  response.end(end);
}

function fault(request, response, name) {
  const status = /^status\/([2-5]\d\d)$/.exec(name)?.[1];
  switch (name) {
    case 'redirect-loop':
      return redirect(response, '/faults/redirect-loop');
    case 'hangs':
      return undefined;
    case 'endless':
      response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
      return response.write(faults.slow().start);
    case 'number':
      return send(response, String(Math.floor(performance.now())), { type: 'text/plain' });
  }
  if (status) {
    response.statusCode = Number(status);
    return send(response, `<!doctype html><html lang="en"><title>Status ${status}</title><h1>Status ${status}</h1></html>`);
  }
  const text = faults.fault(name);
  if (text === null) response.statusCode = 404;
  return send(response, text ?? faults.fault(''));
}

function bench(response, name) {
  if (name === 'number') return send(response, String(Math.floor(performance.now())), { type: 'application/json' });
  const n = Number(name);
  if (!Number.isInteger(n) || n < 10 || n > 20_000) {
    response.statusCode = 404;
    return send(response, 'Ask for /bench/50, /bench/500 or /bench/3000.\n', { type: 'text/plain' });
  }
  return send(response, benchPage(n));
}

async function asset(response, name) {
  const type = TYPES[name.split('.').at(-1)];
  if (!/^[a-z]+\.(css|js|svg)$/.test(name)) {
    response.statusCode = 404;
    return send(response, 'No such file.\n', { type: 'text/plain' });
  }
  return send(response, await readFile(new URL(`assets/${name}`, import.meta.url)), { type });
}

function art(response, name) {
  const product = find(name.replace(/\.svg$/, ''));
  if (!product) response.statusCode = 404;
  return send(response, product ? drawing(product) : '', { type: TYPES.svg });
}

function missing(visitor, response) {
  response.statusCode = 404;
  return page(visitor, { title: 'Not found', main: html`<h1>There is no such page</h1><p><a href="/">Back to the shop</a></p>` });
}

function send(response, text, { type = 'text/html' } = {}) {
  response.setHeader('Content-Type', `${type}; charset=utf-8`);
  response.setHeader('Cache-Control', 'no-store');
  response.end(text);
}

function redirect(response, to) {
  response.writeHead(303, { Location: to });
  response.end();
}

/** The fields of a posted form. */
async function body(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY) throw new Error('a form of this size is not ours');
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function stop() {
  server.close(() => process.exit(0));
  server.closeAllConnections();
}

process.on('SIGTERM', stop);
process.on('SIGINT', stop);
if (options['until-stdin-ends']) process.stdin.resume().on('end', stop).on('error', stop);

server.listen(Number(options.port), options.host, () => {
  console.log(`http://${options.host}:${server.address().port}`);
});
