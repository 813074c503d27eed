// Looking round: home, catalogue, search, product.

import { CATEGORIES, PRODUCTS, find, search } from '../catalogue.mjs';
import { html, money, raw } from '../html.mjs';
import { card, page } from '../layout.mjs';

const ORDERS = {
  popular: { name: 'Most reviewed', compare: (a, b) => b.reviews - a.reviews },
  cheap: { name: 'Price, low to high', compare: (a, b) => a.price - b.price },
  dear: { name: 'Price, high to low', compare: (a, b) => b.price - a.price },
  name: { name: 'Name', compare: (a, b) => a.name.localeCompare(b.name) },
};

export function home(visitor) {
  const liked = [...PRODUCTS].sort(ORDERS.popular.compare).slice(0, 4);
  return page(visitor, {
    title: 'Quiet things for the house',
    main: html`<section class="hero" aria-labelledby="hero-title">
      <div><h1 id="hero-title">Quiet things for the house</h1>
        <p>Made slowly, in small workshops, to be used every day for a long time.</p>
        <a class="button" href="/catalogue">See everything</a></div>
      <img src="/art/dune-lamp.svg" alt="" width="400" height="360">
    </section>
    <section aria-labelledby="liked-title"><h2 id="liked-title">Liked most this week</h2>
      <ul class="grid">${liked.map(card)}</ul></section>`,
  });
}

export function catalogue(visitor, { searchParams }) {
  const category = CATEGORIES.find(({ id }) => id === searchParams.get('category'));
  const sort = Object.hasOwn(ORDERS, searchParams.get('sort') ?? '') ? searchParams.get('sort') : 'popular';
  const shown = PRODUCTS.filter((each) => !category || each.category === category.id).sort(ORDERS[sort].compare);
  return page(visitor, {
    title: category?.name ?? 'Everything',
    current: category?.id ?? 'all',
    main: html`<div class="head"><h1>${category?.name ?? 'Everything'}</h1>
      <form class="sort" action="/catalogue">
        ${category && html`<input type="hidden" name="category" value="${category.id}">`}
        <label for="sort">Sort by</label>
        <select id="sort" name="sort" data-submit>${Object.entries(ORDERS).map(
          ([id, { name }]) => html`<option value="${id}" ${id === sort && raw('selected')}>${name}</option>`,
        )}</select>
        <noscript><button>Sort</button></noscript>
      </form></div>
      <p class="quiet">${shown.length} products</p>
      <ul class="grid">${shown.map(card)}</ul>`,
  });
}

export function results(visitor, { searchParams }) {
  const query = (searchParams.get('q') ?? '').trim();
  const shown = query ? search(query) : [];
  const count = shown.length === 1 ? '1 result' : `${shown.length} results`;
  return page(visitor, {
    title: query ? `${count} for “${query}”` : 'Search',
    query,
    main: html`<h1>${query ? html`${count} for “${query}”` : 'Search'}</h1>
      ${shown.length > 0
        ? html`<ul class="grid">${shown.map(card)}</ul>`
        : html`<p>Nothing fits. Try one word, or <a href="/catalogue">see everything</a>.</p>`}`,
  });
}

/** The product's page, or null if there is no such product. */
export function product(visitor, slug) {
  const found = find(slug);
  if (!found) return null;
  const category = CATEGORIES.find(({ id }) => id === found.category);
  const more = PRODUCTS.filter((each) => each.category === found.category && each !== found).slice(0, 4);
  return page(visitor, {
    title: found.name,
    current: found.category,
    main: html`<nav class="crumbs" aria-label="You are here"><a href="/catalogue">Everything</a> / <a href="/catalogue?category=${category.id}">${category.name}</a></nav>
      <section class="product" aria-labelledby="product-title">
        <img src="/art/${found.slug}.svg" alt="${found.name}, a drawing" width="400" height="360">
        <div>
          <h1 id="product-title">${found.name}</h1>
          <p class="stars" aria-label="${found.stars} of 5 stars, ${found.reviews} reviews">★ ${found.stars} <span>(${found.reviews} reviews)</span></p>
          <p class="price big">${money(found.price)}</p>
          <p>${found.text}</p>
          <form class="choose" method="post" action="/basket/add" data-add>
            <input type="hidden" name="slug" value="${found.slug}">
            <pebble-stepper name="quantity" label="Quantity" value="1" max="9"></pebble-stepper>
            <p class="tick"><input type="checkbox" id="gift" name="gift" value="yes"><label for="gift">Wrap as a gift</label></p>
            <button>Add to basket</button>
          </form>
          <p class="quiet" id="stock" data-stock="${found.slug}">Checking stock…</p>
          <details><summary>Delivery and returns</summary><p>Standard delivery takes three to five working days. Returns are free for 60 days.</p></details>
        </div>
      </section>
      <section aria-labelledby="more-title"><h2 id="more-title">More from ${category.name}</h2><ul class="grid">${more.map(card)}</ul></section>`,
  });
}
