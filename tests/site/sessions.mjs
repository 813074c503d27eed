// The shop's memory: one entry for each visitor, found by a cookie. Nothing is written to disk.

import { randomBytes } from 'node:crypto';

import { PRODUCTS, find } from './catalogue.mjs';

const COOKIE = 'pebble_session';
const SESSIONS = new Map();

/** Forgets every visitor. */
export function reset() {
  SESSIONS.clear();
}

/** The request's session; a new one sets its cookie on the response. */
export function session(request, response) {
  const known = new RegExp(`(?:^|;\\s*)${COOKIE}=([0-9a-f]{32})`).exec(request.headers.cookie ?? '');
  if (known && SESSIONS.has(known[1])) return SESSIONS.get(known[1]);
  const id = randomBytes(16).toString('hex');
  const fresh = {
    id,
    user: null,
    basket: [],
    checkout: {},
    orders: pastOrders(),
    notice: null,
    giftToken: randomBytes(16).toString('hex'),
  };
  SESSIONS.set(id, fresh);
  response.appendHeader('Set-Cookie', `${COOKIE}=${id}; Path=/; HttpOnly; SameSite=Lax`);
  return fresh;
}

/** The session whose gift card frame has this token: that frame has another host, so no cookie. */
export function byGiftToken(token) {
  return [...SESSIONS.values()].find((each) => each.giftToken === token);
}

/** Puts a product into the basket, or more of it. */
export function addToBasket(visitor, slug, quantity, gift) {
  const line = visitor.basket.find((each) => each.slug === slug);
  if (line) {
    line.quantity += quantity;
    line.gift ||= gift;
  } else {
    visitor.basket.push({ slug, quantity, gift });
  }
}

/** Basket lines with their products, and what they cost in pence. */
export function totals(visitor) {
  const lines = visitor.basket.map((line) => ({ ...line, product: find(line.slug) }));
  const goods = lines.reduce((sum, line) => sum + line.quantity * line.product.price, 0);
  const delivery = DELIVERIES.find((each) => each.id === visitor.checkout.delivery)?.price ?? 0;
  const gift = Math.min(visitor.checkout.giftCard ?? 0, goods + delivery);
  const count = lines.reduce((sum, line) => sum + line.quantity, 0);
  return { lines, goods, delivery, gift, count, total: goods + delivery - gift };
}

/** How an order can travel. */
export const DELIVERIES = [
  { id: 'standard', name: 'Standard', text: 'Three to five working days', price: 450 },
  { id: 'express', name: 'Express', text: 'On the day you choose', price: 950 },
  { id: 'collect', name: 'Collect from a shop', text: 'Ready in two hours', price: 0 },
];

// 34 orders, always the same: enough for four pages of ten.
function pastOrders() {
  const states = ['Delivered', 'Delivered', 'Delivered', 'Returned', 'Delivered'];
  return Array.from({ length: 34 }, (_, index) => {
    const product = PRODUCTS[(index * 5) % PRODUCTS.length];
    const items = 1 + (index % 4);
    const day = new Date(Date.UTC(2024, 0, 9 + index * 19));
    return {
      number: `PP-${2041 + index * 7}`,
      date: day.toISOString().slice(0, 10),
      first: product.name,
      items,
      total: product.price * items + 450,
      status: index > 31 ? 'On its way' : states[index % states.length],
    };
  });
}
