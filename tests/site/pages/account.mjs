// Signing in, and what a customer sees then: a table of orders with paging and sorting.

import { html, money, raw } from '../html.mjs';
import { field, page } from '../layout.mjs';

const PER_PAGE = 10;
const COLUMNS = [
  { id: 'number', name: 'Order' },
  { id: 'date', name: 'Date' },
  { id: 'first', name: 'Product' },
  { id: 'items', name: 'Items', number: true },
  { id: 'total', name: 'Total', number: true },
  { id: 'status', name: 'Status' },
];

export function signIn(visitor, form = {}) {
  return page(visitor, {
    title: 'Sign in',
    main: html`<div class="narrow"><h1>Sign in</h1>
      ${form.error && html`<p class="alert" role="alert">${form.error}</p>`}
      <form method="post" action="/sign-in" class="stack">
        ${field(form, 'user', 'User name', { attributes: 'autocomplete="username" required' })}
        ${field({}, 'password', 'Password', { type: 'password', attributes: 'autocomplete="current-password" required' })}
        <p class="tick"><input type="checkbox" id="stay" name="stay"><label for="stay">Stay signed in</label></p>
        <button>Sign in</button>
      </form>
      <p class="quiet">You need no account to buy: <a href="/basket">check out as a guest</a>.</p></div>`,
  });
}

export function account(visitor, { searchParams }) {
  const sort = COLUMNS.find(({ id }) => id === searchParams.get('sort')) ?? COLUMNS[1];
  const down = searchParams.get('down') !== 'no';
  const sorted = [...visitor.orders].sort((a, b) => {
    const order = a[sort.id] < b[sort.id] ? -1 : a[sort.id] > b[sort.id] ? 1 : 0;
    return down ? -order : order;
  });
  const pages = Math.ceil(sorted.length / PER_PAGE);
  const at = Math.min(Math.max(Number(searchParams.get('page')) || 1, 1), pages);
  const shown = sorted.slice((at - 1) * PER_PAGE, at * PER_PAGE);
  const link = (changes) => {
    const query = new URLSearchParams({ sort: sort.id, down: down ? 'yes' : 'no', page: at, ...changes });
    return `/account?${query}`;
  };
  return page(visitor, {
    title: 'Your orders',
    main: html`<h1>Hello, ${visitor.user.name}</h1>
      <h2 id="orders-title">Your orders</h2>
      <p class="quiet">Orders ${(at - 1) * PER_PAGE + 1} to ${(at - 1) * PER_PAGE + shown.length} of ${sorted.length}</p>
      <table class="orders" aria-labelledby="orders-title">
        <thead><tr>${COLUMNS.map(({ id, name, number }) => {
          const here = id === sort.id;
          return html`<th scope="col" class="${number && 'number'}" ${here && html`aria-sort="${down ? 'descending' : 'ascending'}"`}>
            <a href="${link({ sort: id, down: here && down ? 'no' : 'yes', page: 1 })}">${name}${here && html`<span aria-hidden="true"> ${down ? '↓' : '↑'}</span>`}</a></th>`;
        })}</tr></thead>
        <tbody>${shown.map(
          (order) => html`<tr><td><a href="/account/orders/${order.number}">${order.number}</a></td><td>${order.date}</td><td>${order.first}</td>
            <td class="number">${order.items}</td><td class="number">${money(order.total)}</td><td>${order.status}</td></tr>`,
        )}</tbody>
      </table>
      <nav class="pages" aria-label="Pages of orders">
        ${at > 1 && html`<a href="${link({ page: at - 1 })}">Previous</a>`}
        ${Array.from({ length: pages }, (_, index) => index + 1).map(
          (number) => html`<a href="${link({ page: number })}" ${number === at && raw('aria-current="page"')}>${number}</a>`,
        )}
        ${at < pages && html`<a href="${link({ page: at + 1 })}">Next</a>`}
      </nav>`,
  });
}

/** One order, or null if this customer has none of that number. */
export function order(visitor, number) {
  const found = visitor.orders.find((each) => each.number === number);
  if (!found) return null;
  return page(visitor, {
    title: `Order ${number}`,
    main: html`<nav class="crumbs" aria-label="You are here"><a href="/account">Your orders</a></nav>
      <h1>Order ${number}</h1>
      <dl class="facts"><div><dt>Date</dt><dd>${found.date}</dd></div><div><dt>Product</dt><dd>${found.first}</dd></div>
        <div><dt>Items</dt><dd>${found.items}</dd></div><div><dt>Total</dt><dd>${money(found.total)}</dd></div><div><dt>Status</dt><dd>${found.status}</dd></div></dl>`,
  });
}
