// A person takes a run's browser over whose page has the focus on a button that has the page reach for
// its surroundings, presses it, and prints what the page then told the shop that it got:
// hostile.mjs NAMESPACE RUN SHOP-NAMESPACE. Started by tests/e2e.

import { inControl, until } from './stage.mjs';
import { ledger, personAt } from './person.mjs';

const [namespace, run, shop] = process.argv.slice(2);
// Other runs may use the shop, but no other page reaches for anything.
const reached = async () => (await ledger(shop)).filter(({ type }) => type === 'reached');

const person = await personAt(namespace, run);
try {
  const page = await person.open(person.take());
  await inControl(page);
  const before = (await reached()).length;
  await page.keyboard.press('Enter');
  await until('what the page got, in the ledger', async () => (await reached()).length > before);
  console.log((await reached()).at(-1).text);
} finally {
  await person.stop();
}
