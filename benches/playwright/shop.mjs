// The steps of examples/shop.md as a Playwright script; prints the wall times as JSON.
//
//   node shop.mjs [--url URL] [--pictures DIR]
//
// Without --url it starts the shop itself. `total_ms` is from the start of this program to the
// closed browser, `steps_ms` from the first navigation to the last check.

import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';

import { open, shop } from './launch.mjs';

const { values: options } = parseArgs({ options: { url: { type: 'string' }, pictures: { type: 'string' } } });
const password = process.env.SHOP_PASSWORD || 'analytical-engine';

const site = options.url ? { url: options.url, stop: async () => {} } : await shop({ SHOP_PASSWORD: password });
const { browser, page } = await open({ width: 1600, height: 900 });
page.setDefaultTimeout(10_000);

const button = (name, exact = true) => page.getByRole('button', { name, exact });
const link = (name) => page.getByRole('link', { name, exact: true });
const fill = (label, text) => page.getByLabel(label, { exact: true }).fill(text);
const tick = (label) => page.getByLabel(label, { exact: true }).check();
const visible = (text) => page.getByText(text).first().waitFor();
const at = (path) => new URL(path, site.url).href;
const picture = async (name) => {
  if (options.pictures) await page.screenshot({ path: `${options.pictures}/${name}.png` });
};

try {
  const began = performance.now();
  await findALamp();
  await changeMyMind();
  await checkOut();
  await lookThroughOrders();
  const steps = performance.now() - began;
  await browser.close();
  console.log(JSON.stringify({ steps_ms: Math.round(steps), total_ms: Math.round(performance.now()) }));
} finally {
  await browser.close();
  await site.stop();
}

async function findALamp() {
  await page.goto(site.url);
  await picture('home');
  await page.getByRole('searchbox').fill('lamp');
  await button('Search').click();
  await page.waitForURL('**/search?*');
  assert.match(await page.title(), /2 results/);
  await link('Dune table lamp').click();
  await visible('In stock');
  await button('More').click();
  await tick('Wrap as a gift');
  await button('Add to basket').click();
  await visible('2 × Dune table lamp added to your basket');
  await picture('product');
  assert.equal(await link('Basket 2').count(), 1);
}

async function changeMyMind() {
  await page.goto(at('/catalogue?category=kitchen'));
  await page.getByLabel('Sort by').selectOption('Price, low to high');
  await page.waitForURL('**sort=cheap**');
  for (const name of ['Alder mug', 'Linen tea towels', 'Ash serving board']) {
    await button(`Add ${name} to basket`).click();
    await visible(`${name} added to your basket`);
  }
  await picture('catalogue');
  await page.goto(at('/basket'));
  await visible('5 items');
  for (const name of ['Alder mug', 'Linen tea towels', 'Ash serving board']) await tick(`Select ${name}`);
  await button('Delete selected').click();
  await visible('Delete 3 items?');
  await picture('dialog');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await visible('3 items deleted');
  await page.getByText('Alder mug').waitFor({ state: 'hidden' });
  assert.equal(await page.getByLabel('Quantity of Dune table lamp').inputValue(), '2');
}

async function checkOut() {
  await page.goto(at('/basket'));
  await link('Check out').click();
  await fill('Email', 'ada@example.com');
  await button('Continue to address').click();
  await fill('Full name', 'Ada King');
  await fill('Street and number', "12 St James's Square");
  await fill('Postcode', 'SW1Y 4JH');
  await fill('City', 'London');
  const countries = await page.getByLabel('Country').locator('option').allInnerTexts();
  assert.ok(['Portugal', 'United Kingdom'].every((name) => countries.includes(name)));
  await page.getByLabel('Country').selectOption('United Kingdom');
  await button('Continue to delivery').click();
  await tick('Express');
  assert.ok(await page.getByRole('radio', { name: 'Express' }).isChecked());
  await fill('Delivery date', '2031-05-14');
  await picture('delivery');
  await button('Continue to payment').click();
  await fill('Name on card', 'Ada King');
  await fill('Card number', '4242 4242 4242 4242');
  await fill('Expiry date', '12/39');
  await fill('Security code', '815');
  await page.getByText('Use a gift card').click();
  const frame = page.frameLocator('iframe[title="Gift card"]');
  await frame.getByLabel('Gift card code').fill('PEBBLE-20');
  await frame.getByRole('button', { name: 'Apply' }).click();
  await frame.getByText('£20.00 will be taken off.').waitFor();
  await tick('I accept the terms of sale');
  await picture('payment');
  await button('Pay £', false).click();
  await visible('Thank you, your order is placed');
  await visible('£147.50');
  await picture('done');
}

async function lookThroughOrders() {
  await link('Sign in').click();
  await fill('User name', 'ada');
  await fill('Password', password);
  await button('Sign in').click();
  await page.waitForURL('**/account');
  await visible('Orders 1 to 10 of 35');
  await page.getByRole('table', { name: 'Your orders' }).getByRole('link', { name: 'Total' }).click();
  await page.waitForURL('**sort=total**');
  await link('Next').click();
  await visible('Orders 11 to 20 of 35');
  assert.equal(await page.getByRole('table', { name: 'Your orders' }).getByRole('columnheader').count(), 6);
  await picture('orders');
}
