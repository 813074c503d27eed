// What the shop promises to the tests that use it; `node --test tests/site/shop.test.mjs`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

let child, url;

function start() {
  const server = fileURLToPath(new URL('server.mjs', import.meta.url));
  return spawn(process.execPath, [server, '--port', '0', '--until-stdin-ends'], { stdio: ['pipe', 'pipe', 'inherit'] });
}

before(async () => {
  child = start();
  [url] = await once(createInterface({ input: child.stdout }), 'line');
});

after(async () => {
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  assert.equal(code, 0, 'SIGTERM is an orderly end');
});

/** One visitor, with a cookie of their own. */
function visitor(jar = { cookie: '' }) {
  return async (path, form) => {
    const response = await fetch(url + path, {
      method: form ? 'POST' : 'GET',
      body: form && new URLSearchParams(form),
      headers: { cookie: jar.cookie ?? '' },
      redirect: 'manual',
    });
    for (const line of response.headers.getSetCookie()) jar.cookie = line.split(';')[0];
    return { status: response.status, to: response.headers.get('location'), text: await response.text() };
  };
}

test('its first line is an address on loopback', () => {
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
});

test('it ends with its standard input', async () => {
  const other = start();
  await once(createInterface({ input: other.stdout }), 'line');
  other.stdin.end();
  const [code] = await once(other, 'exit');
  assert.equal(code, 0);
});

test('it says which revision is being served', async () => {
  const response = await fetch(`${url}/healthz`);
  assert.deepEqual(await response.json(), { status: 'ok', revision: 'dev' });
});

// fetch sets Host itself.
function as(host, cookie = '') {
  return new Promise((resolve, reject) => {
    get(`${url}/checkout/payment`, { headers: { host, cookie } }, async (response) => {
      let text = '';
      for await (const chunk of response) text += chunk;
      resolve(/src="([^"]*gift-card[^"]*)"/.exec(text)?.[1].replace(/token=.*/, 'token='));
    }).on('error', reject);
  });
}

test('the gift card frame has another name than the shop, on a machine and in a cluster', async () => {
  const jar = {};
  const ada = visitor(jar);
  await ada('/basket/add', { slug: 'alder-mug', quantity: '1' });
  await ada('/checkout/contact', { email: 'ada@example.com' });
  await ada('/checkout/address', { name: 'Ada', street: '1 A St', postcode: 'SW1Y 4JH', city: 'London', country: 'United Kingdom' });
  await ada('/checkout/delivery', { delivery: 'standard' });
  const frames = await Promise.all(
    ['127.0.0.1:8080', 'localhost:8080', 'shop', 'shop:8080', 'shop.demo.svc:8080', '10.88.0.7:8080'].map((host) => as(host, jar.cookie)),
  );
  assert.deepEqual(frames, [
    'http://localhost:8080/pay/gift-card?token=',
    'http://127.0.0.1:8080/pay/gift-card?token=',
    'http://shop-pay/pay/gift-card?token=',
    'http://shop-pay:8080/pay/gift-card?token=',
    'http://shop-pay.demo.svc:8080/pay/gift-card?token=',
    'http://10.88.0.7:8080/pay/gift-card?token=',
  ]);
});

test('each visitor has a basket, and a reset empties all of them', async () => {
  const [ada, bob] = [visitor(), visitor()];
  await ada('/');
  await bob('/');
  await ada('/basket/add', { slug: 'alder-mug', quantity: '3' });
  assert.match((await ada('/basket')).text, /3 items/);
  assert.match((await bob('/basket')).text, /Your basket is empty/);
  await ada('/__reset', {});
  assert.match((await ada('/basket')).text, /Your basket is empty/);
});

test('what a visitor types is text, never markup', async () => {
  const { text } = await visitor()(`/search?q=${encodeURIComponent('<b onclick="x">&')}`);
  assert.ok(!text.includes('<b onclick'));
  assert.ok(text.includes('&lt;b onclick=&quot;x&quot;&gt;&amp;'));
});

test('a guest can buy, but not with a card that has expired, and keeps what was typed', async () => {
  const guest = visitor();
  await guest('/');
  await guest('/basket/add', { slug: 'dune-lamp' });
  assert.equal((await guest('/checkout/payment')).to, '/checkout/contact', 'no step can be left out');
  assert.equal((await guest('/checkout/contact', { email: 'nowhere' })).status, 422);
  await guest('/checkout/contact', { email: 'a@example.com' });
  await guest('/checkout/address', { name: 'A', street: 'B 1', postcode: '1', city: 'C', country: 'Portugal' });
  const sunday = await guest('/checkout/delivery', { delivery: 'express', date: '2031-05-11' });
  assert.match(sunday.text, /Monday to Friday/);
  await guest('/checkout/delivery', { delivery: 'standard' });
  const card = { holder: 'A', card: '4242424242424242', cvc: '123', terms: 'yes' };
  const refused = await guest('/checkout/payment', { ...card, expiry: '11/19' });
  assert.equal(refused.status, 422);
  assert.match(refused.text, /This card has expired/);
  assert.match(refused.text, /value="4242424242424242"/);
  assert.equal((await guest('/checkout/payment', { ...card, expiry: '13/39' })).status, 422);
  assert.equal((await guest('/checkout/payment', { ...card, expiry: '12/39' })).to, '/checkout/done');
  assert.match((await guest('/checkout/done')).text, /£83\.50/);
});

test('only the right password signs in', async () => {
  const ada = visitor();
  await ada('/');
  assert.equal((await ada('/sign-in', { user: 'ada', password: 'wrong' })).status, 401);
  assert.equal((await ada('/account')).to, '/sign-in');
  await ada('/sign-in', { user: 'ada', password: process.env.SHOP_PASSWORD || 'analytical-engine' });
  assert.match((await ada('/account')).text, /Orders 1 to 10 of 34/);
  assert.match((await ada('/account?page=4')).text, /Orders 31 to 34 of 34/);
});

test('the gift card frame is on another host and knows the visitor by its token', async () => {
  const guest = visitor();
  await guest('/');
  await guest('/basket/add', { slug: 'dune-lamp' });
  await guest('/checkout/contact', { email: 'a@example.com' });
  await guest('/checkout/address', { name: 'A', street: 'B 1', postcode: '1', city: 'C', country: 'Portugal' });
  await guest('/checkout/delivery', { delivery: 'standard' });
  const frame = /src="http:\/\/localhost:\d+(\/pay\/gift-card\?token=\w+)"/.exec((await guest('/checkout/payment')).text)[1];
  assert.match((await visitor()(frame, { code: 'nonsense' })).text, /do not know this code/);
  assert.match((await visitor()(frame, { code: 'pebble-20' })).text, /£20\.00 will be taken off/);
  assert.match((await guest('/checkout/payment')).text, /£63\.50/);
});

test('the benchmark page has the agreed number of controls and elements', async () => {
  for (const [controls, elements] of [[50, 205], [500, 2095], [3000, 12_595]]) {
    const { text } = await visitor()(`/bench/${controls}`);
    assert.equal(text.match(/<(?:a|button|input|select)[ >]/g).length, controls);
    assert.equal(text.match(/<[a-z]/g).length, elements);
  }
});

test('faults do what they say', async () => {
  assert.equal((await visitor()('/faults/redirect-loop')).to, '/faults/redirect-loop');
  assert.equal((await visitor()('/faults/status/503')).status, 503);
  await assert.rejects(fetch(`${url}/faults/hangs`, { signal: AbortSignal.timeout(300) }), /timeout/);
  const sent = await visitor()('/echo-secret', { secret: 'canary"<>' });
  assert.ok(sent.text.includes('You sent: canary&quot;&lt;&gt;'));
});
