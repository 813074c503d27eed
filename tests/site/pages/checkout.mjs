// Guest checkout: contact, address, delivery, payment, done. Each step keeps what was typed.

import { html, money, raw } from '../html.mjs';
import { document, field, page } from '../layout.mjs';
import { DELIVERIES, totals } from '../sessions.mjs';

export const STEPS = ['contact', 'address', 'delivery', 'payment'];
const NAMES = { contact: 'Contact', address: 'Address', delivery: 'Delivery', payment: 'Payment' };

const COUNTRIES = [
  'Australia', 'Austria', 'Belgium', 'Brazil', 'Canada', 'Chile', 'Croatia', 'Czechia', 'Denmark', 'Estonia',
  'Finland', 'France', 'Germany', 'Greece', 'Hungary', 'Iceland', 'India', 'Ireland', 'Italy', 'Japan', 'Kenya',
  'Latvia', 'Lithuania', 'Luxembourg', 'Malta', 'Mexico', 'Netherlands', 'New Zealand', 'Norway', 'Poland',
  'Portugal', 'Romania', 'Singapore', 'Slovakia', 'Slovenia', 'South Africa', 'South Korea', 'Spain', 'Sweden',
  'Switzerland', 'United Kingdom', 'United States', 'Uruguay',
];
const SHOPS = ['Bristol, Park Row', 'Lewes, Cliffe High Street', 'York, Stonegate'];

const FORMS = { contact, address, delivery, payment };

/** One step of the checkout. `form` has the values and errors of a refused attempt. */
export function checkout(visitor, step, form) {
  const { lines, goods, delivery: travel, gift, total } = totals(visitor);
  const at = STEPS.indexOf(step);
  return page(visitor, {
    title: `Checkout: ${NAMES[step]}`,
    main: html`<h1>Checkout</h1>
      <ol class="steps">${STEPS.map(
        (each, index) => html`<li class="${index < at && 'done'}" ${index === at && raw('aria-current="step"')}>
          ${index < at ? html`<a href="/checkout/${each}">${NAMES[each]}</a>` : NAMES[each]}</li>`,
      )}</ol>
      <div class="two">
        <form method="post" action="/checkout/${step}" class="sheet" novalidate aria-label="${NAMES[step]}">
          ${Object.keys(form.errors ?? {}).length > 0 && html`<p class="alert" role="alert">Please look at the marked fields.</p>`}
          ${FORMS[step](visitor, form)}
        </form>
        <section class="summary" aria-labelledby="summary-title"><h2 id="summary-title">Your order</h2>
          <ul class="small-lines">${lines.map(
            ({ product, quantity, gift: wrapped }) => html`<li><img src="/art/${product.slug}.svg" alt="" width="48" height="43"><span>${quantity} × ${product.name}${wrapped && html`<small>Gift wrapped</small>`}</span><span>${money(product.price * quantity)}</span></li>`,
          )}</ul>
          <dl><div><dt>Goods</dt><dd>${money(goods)}</dd></div><div><dt>Delivery</dt><dd>${visitor.checkout.delivery ? money(travel) : 'Chosen later'}</dd></div>
            <div id="gift-line" ${gift === 0 && raw('hidden')}><dt>Gift card</dt><dd id="gift-amount">−${money(gift)}</dd></div>
            <div class="sum"><dt>Total</dt><dd data-total="${total + gift}">${money(total)}</dd></div></dl>
        </section>
      </div>`,
  });
}

function contact(visitor, form) {
  return html`<h2>Who shall we write to?</h2>
    ${field(form, 'email', 'Email', { type: 'email', hint: 'Only about this order.', attributes: 'autocomplete="email"', wide: true })}
    ${field(form, 'phone', 'Phone (optional)', { type: 'tel', attributes: 'autocomplete="tel"', wide: true })}
    <p class="tick wide"><input type="checkbox" id="news" name="news" value="yes" ${form.values?.news && raw('checked')}><label for="news">Send me the newsletter</label></p>
    <p class="wide"><button>Continue to address</button></p>`;
}

function address(visitor, form) {
  const country = form.values?.country ?? '';
  const error = form.errors?.country;
  return html`<h2>Where shall it go?</h2>
    ${field(form, 'name', 'Full name', { attributes: 'autocomplete="name"', wide: true })}
    ${field(form, 'street', 'Street and number', { attributes: 'autocomplete="street-address"', wide: true })}
    ${field(form, 'postcode', 'Postcode', { attributes: 'autocomplete="postal-code"' })}
    ${field(form, 'city', 'City', { attributes: 'autocomplete="address-level2"' })}
    <p class="field wide"><label for="country">Country</label>
      <select id="country" name="country" autocomplete="country-name" ${error && raw('aria-invalid="true" aria-describedby="country-note"')}>
        <option value="">Choose a country</option>
        ${COUNTRIES.map((each) => html`<option ${each === country && raw('selected')}>${each}</option>`)}
      </select>${error && html`<span class="error" id="country-note">${error}</span>`}</p>
    <p class="wide"><button>Continue to delivery</button></p>`;
}

function delivery(visitor, form) {
  const chosen = form.values?.delivery ?? '';
  return html`<h2>How shall it travel?</h2>
    <fieldset class="wide options"><legend>Delivery</legend>
      ${DELIVERIES.map(
        ({ id, name, text, price }) => html`<p class="option"><input type="radio" name="delivery" id="by-${id}" value="${id}" ${id === chosen && raw('checked')} aria-describedby="by-${id}-note">
        <label for="by-${id}">${name}</label><span id="by-${id}-note">${text}, ${price === 0 ? 'free' : money(price)}</span></p>`,
      )}
      ${form.errors?.delivery && html`<span class="error">${form.errors.delivery}</span>`}
    </fieldset>
    <div class="wide" id="pick-up" ${chosen !== 'collect' && raw('hidden')}>
      <iframe src="/embed/shops" title="Our shops" width="100%" height="210"></iframe>
    </div>
    ${field(form, 'date', 'Delivery date', { type: 'date', hint: 'For express: any working day from tomorrow.' })}
    <p class="field"><label for="note">Note for the driver</label><textarea id="note" name="note" rows="2">${form.values?.note ?? ''}</textarea></p>
    <p class="wide"><button>Continue to payment</button></p>`;
}

function payment(visitor, form) {
  const { total: due, gift } = totals(visitor);
  return html`<h2>How would you like to pay?</h2>
    ${field(form, 'holder', 'Name on card', { attributes: 'autocomplete="cc-name"', wide: true })}
    ${field(form, 'card', 'Card number', { attributes: 'autocomplete="cc-number" inputmode="numeric"', wide: true })}
    ${field(form, 'expiry', 'Expiry date', { hint: 'As on the card: MM/YY', attributes: 'autocomplete="cc-exp" placeholder="MM/YY"' })}
    ${field(form, 'cvc', 'Security code', { attributes: 'autocomplete="cc-csc" inputmode="numeric" maxlength="4"' })}
    <details class="wide"><summary>Use a gift card</summary>
      <iframe src="${form.giftFrame}" title="Gift card" width="100%" height="150"></iframe></details>
    <p class="tick wide"><input type="checkbox" id="terms" name="terms" value="yes" ${form.values?.terms && raw('checked')}><label for="terms">I accept the terms of sale</label></p>
    ${form.errors?.terms && html`<p class="error wide">${form.errors.terms}</p>`}
    <p class="wide"><button>Pay <span data-total="${due + gift}">${money(due)}</span></button></p>`;
}

/** What is wrong with a step's values, by field. `now` decides what has expired. */
export function problems(step, values, now) {
  const errors = {};
  const demand = (name, good, message) => {
    if (!good) errors[name] = message;
  };
  switch (step) {
    case 'contact':
      demand('email', /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(values.email ?? ''), 'Enter an email address, like ada@example.com.');
      break;
    case 'address':
      for (const [name, what] of [['name', 'your name'], ['street', 'street and number'], ['postcode', 'a postcode'], ['city', 'a city']]) {
        demand(name, (values[name] ?? '').trim() !== '', `Enter ${what}.`);
      }
      demand('country', COUNTRIES.includes(values.country), 'Choose a country.');
      break;
    case 'delivery':
      demand('delivery', DELIVERIES.some(({ id }) => id === values.delivery), 'Choose how it shall travel.');
      if (values.delivery === 'express') demand('date', ...deliverable(values.date ?? '', now));
      break;
    case 'payment':
      demand('holder', (values.holder ?? '').trim() !== '', 'Enter the name on the card.');
      demand('card', /^\d{16}$/.test((values.card ?? '').replace(/\s/g, '')), 'A card number has 16 digits.');
      demand('expiry', ...valid(values.expiry ?? '', now));
      demand('cvc', /^\d{3,4}$/.test(values.cvc ?? ''), 'Three or four digits, on the back of the card.');
      demand('terms', values.terms === 'yes', 'Please accept the terms of sale.');
      break;
  }
  return errors;
}

function deliverable(text, now) {
  const day = new Date(`${text}T00:00:00Z`);
  if (Number.isNaN(day.getTime())) return [false, 'Choose a delivery date.'];
  if (day <= now) return [false, 'Choose a day from tomorrow on.'];
  return [![0, 6].includes(day.getUTCDay()), 'We deliver from Monday to Friday.'];
}

function valid(text, now) {
  const parts = /^(0[1-9]|1[0-2])\s*\/\s*(\d\d)$/.exec(text.trim());
  if (!parts) return [false, 'Enter the expiry date as MM/YY.'];
  const ends = Date.UTC(2000 + Number(parts[2]), Number(parts[1]));
  return [ends > now.getTime(), 'This card has expired.'];
}

/** After paying: the confirmation comes a moment later, as from a real warehouse. */
export function done(visitor) {
  const { number, email, total } = visitor.checkout.placed;
  return page(visitor, {
    title: `Order ${number}`,
    main: html`<div class="narrow thanks" data-confirm>
      <div id="placing" role="status"><h1>Placing your order…</h1><p>This takes a moment.</p></div>
      <div id="placed" hidden><svg viewBox="0 0 64 64" aria-hidden="true"><circle cx="32" cy="32" r="30" fill="#dfeae4"/><path d="m20 33 9 9 16-19" fill="none" stroke="#2f5d50" stroke-width="5" stroke-linecap="round" stroke-linejoin="round"/></svg><h1>Thank you, your order is placed</h1>
        <p>Order number <strong>${number}</strong>, ${money(total)}.</p><p>We have written to ${email}.</p>
        <p><a class="button" href="/">Back to the shop</a></p></div></div>`,
  });
}

/** Inside the same-origin frame of the delivery step. */
export function shops() {
  return document({
    title: 'Our shops',
    head: html`<script type="module" src="/assets/frames.js"></script>`,
    body: html`<body class="frame"><ul class="shops">${SHOPS.map(
      (each) => html`<li><span>${each}</span><button type="button" class="small" data-shop="${each}">Collect from ${each.split(',')[0]}</button></li>`,
    )}</ul><p id="picked" role="status"></p></body>`,
  });
}

/** Inside the frame of the payment step, which has another host name and so another origin. */
export function giftCard(token, { code = '', message = '', amount = 0 } = {}) {
  return document({
    title: 'Gift card',
    head: html`<script type="module" src="/assets/frames.js"></script>`,
    body: html`<body class="frame" data-gift="${amount}"><form method="post" action="/pay/gift-card?token=${token}" class="gift">
      <p class="field"><label for="code">Gift card code</label><input id="code" name="code" value="${code}" autocomplete="off"></p>
      <button>Apply</button></form><p role="status" class="${amount > 0 ? 'good' : 'error'}">${message}</p></body>`,
  });
}
