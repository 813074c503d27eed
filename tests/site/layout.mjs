// What every page of the shop has round it.

import { CATEGORIES } from './catalogue.mjs';
import { html, money, raw } from './html.mjs';
import { totals } from './sessions.mjs';

const MARK = raw(
  '<svg viewBox="0 0 32 32" aria-hidden="true"><path d="M16 3 25 17h-5l6 8H6l6-8H7z" fill="#2f5d50"/><ellipse cx="16" cy="28" rx="7" ry="2.6" fill="#b9ac98"/></svg>',
);
const BAG = raw(
  '<svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round"><path d="M5 8h14l1 13H4z"/><path d="M8.5 8a3.5 3.5 0 0 1 7 0"/></svg>',
);

/** A whole document. */
export function document({ title, head = '', body }) {
  return `<!doctype html>\n${html`<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${title}</title>
  <link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/assets/shop.css">
  ${head}
</head>
${body}
</html>`}\n`;
}

/** A page of the shop: header, the given main part, footer. */
export function page(visitor, { title, main, query = '', current = '' }) {
  const { count } = totals(visitor);
  const notice = visitor.notice;
  visitor.notice = null;
  return document({
    title: `${title} – Pine & Pebble`,
    head: html`<script type="module" src="/assets/shop.js"></script>`,
    body: html`<body>
  <a class="skip" href="#main">Skip to the content</a>
  <header class="top">
    <div class="bar">
      <a class="brand" href="/">${MARK}<span>Pine &amp; Pebble</span></a>
      <form class="find" role="search" action="/search">
        <label class="sr-only" for="query">Search the shop</label>
        <input id="query" type="search" name="q" value="${query}" placeholder="Search lamps, blankets, mugs" autocomplete="off">
        <button>Search</button>
      </form>
      <div class="self">
        ${visitor.user
          ? html`<a href="/account">${visitor.user.name}</a>
            <form method="post" action="/sign-out"><button class="plain">Sign out</button></form>`
          : html`<a href="/sign-in">Sign in</a>`}
        <a class="bag" href="/basket">${BAG}Basket <span class="count" id="basket-count">${count}</span></a>
      </div>
    </div>
    <nav class="rooms" aria-label="Departments">
      <a href="/catalogue" ${current === 'all' && raw('aria-current="page"')}>Everything</a>
      ${CATEGORIES.map(
        ({ id, name }) => html`<a href="/catalogue?category=${id}" ${current === id && raw('aria-current="page"')}>${name}</a>`,
      )}
    </nav>
  </header>
  <main id="main">${main}</main>
  <footer>
    <p><strong>Pine &amp; Pebble</strong> Quiet things for the house, from small workshops.</p>
    <p>Free returns for 60 days. An invented shop: nothing here can be bought.</p>
  </footer>
  <div id="toasts" role="status" aria-live="polite">${notice && html`<p class="toast">${notice}</p>`}</div>
</body>`,
  });
}

/** A product in a grid. */
export function card(product) {
  return html`<li class="card">
    <a href="/product/${product.slug}"><img src="/art/${product.slug}.svg" alt="" width="400" height="360"><h3>${product.name}</h3></a>
    <p class="stars" aria-label="${product.stars} of 5 stars, ${product.reviews} reviews">★ ${product.stars} <span>(${product.reviews})</span></p>
    <div class="buy"><span class="price">${money(product.price)}</span>
      <form method="post" action="/basket/add" data-add>
        <input type="hidden" name="slug" value="${product.slug}">
        <button class="small" aria-label="Add ${product.name} to basket">Add to basket</button>
      </form>
    </div>
  </li>`;
}

/** A labelled text field with its error below it. */
export function field(form, name, label, { type = 'text', hint, attributes = '', wide = false } = {}) {
  const error = form.errors?.[name];
  return html`<p class="field ${wide && 'wide'}">
    <label for="${name}">${label}</label>
    <input id="${name}" name="${name}" type="${type}" value="${form.values?.[name] ?? ''}" ${raw(attributes)}
      ${(hint || error) && html`aria-describedby="${name}-note"`} ${error && raw('aria-invalid="true"')}>
    ${error
      ? html`<span class="error" id="${name}-note">${error}</span>`
      : hint && html`<span class="hint" id="${name}-note">${hint}</span>`}
  </p>`;
}
