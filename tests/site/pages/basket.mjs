// The basket, with a dialog before things are deleted.

import { html, money, raw } from '../html.mjs';
import { page } from '../layout.mjs';
import { totals } from '../sessions.mjs';

export function basket(visitor) {
  const { lines, goods, count } = totals(visitor);
  if (lines.length === 0) {
    return page(visitor, {
      title: 'Basket',
      main: html`<h1>Basket</h1><p>Your basket is empty.</p><p><a class="button" href="/catalogue">See everything</a></p>`,
    });
  }
  return page(visitor, {
    title: 'Basket',
    main: html`<h1>Basket</h1>
    <div class="two">
      <form id="lines" method="post" action="/basket/delete">
        <table class="lines">
          <caption class="sr-only">Basket</caption>
          <thead><tr><th scope="col"><span class="sr-only">Select</span></th><th scope="col">Product</th><th scope="col">Quantity</th><th scope="col" class="number">Price</th></tr></thead>
          <tbody>${lines.map(
            ({ slug, product, quantity, gift }) => html`<tr>
            <td><input type="checkbox" name="slug" value="${slug}" aria-label="Select ${product.name}"></td>
            <td><span class="thing"><img src="/art/${slug}.svg" alt="" width="64" height="58"><span><a href="/product/${slug}">${product.name}</a>${gift && html`<small>Gift wrapped</small>`}</span></span></td>
            <td><select aria-label="Quantity of ${product.name}" data-quantity="${slug}">${[1, 2, 3, 4, 5, 6, 7, 8, 9].map(
              (each) => html`<option ${each === quantity && raw('selected')}>${each}</option>`,
            )}</select></td>
            <td class="number">${money(product.price * quantity)}</td>
          </tr>`,
          )}</tbody>
        </table>
        <p><button type="button" class="quiet-button" id="delete" disabled>Delete selected</button></p>
      </form>
      <section class="summary" aria-labelledby="summary-title">
        <h2 id="summary-title">Summary</h2>
        <dl><div><dt>${count === 1 ? '1 item' : `${count} items`}</dt><dd>${money(goods)}</dd></div>
          <div><dt>Delivery</dt><dd>Chosen later</dd></div>
          <div class="sum"><dt>Total</dt><dd>${money(goods)}</dd></div></dl>
        <a class="button" href="/checkout/contact">Check out</a>
      </section>
    </div>
    <dialog id="sure" aria-labelledby="sure-title">
      <h2 id="sure-title">Delete items?</h2>
      <p>They leave your basket. Nothing else changes.</p>
      <div class="row"><button type="button" class="quiet-button" id="keep">Keep</button><button type="button" class="danger" id="really">Delete</button></div>
    </dialog>`,
  });
}
