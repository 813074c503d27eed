// What the shop does in the browser: toasts, adding without leaving, the dialog, the stepper.

const TOAST_STAYS = 6000;

const money = (pence) => `£${(pence / 100).toFixed(2)}`;

function toast(text) {
  const line = document.createElement('p');
  line.className = 'toast';
  line.textContent = text;
  document.getElementById('toasts').append(line);
  fade(line);
}

function fade(line) {
  setTimeout(() => line.remove(), TOAST_STAYS);
}

document.querySelectorAll('#toasts .toast').forEach(fade);

// Adding to the basket keeps the page.
document.querySelectorAll('form[data-add]').forEach((form) => {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const response = await fetch(form.action, {
      method: 'POST',
      headers: { accept: 'application/json' },
      body: new URLSearchParams(new FormData(form)),
    });
    const { text, count } = await response.json();
    document.getElementById('basket-count').textContent = count;
    toast(text);
  });
});

document.querySelectorAll('select[data-submit]').forEach((select) => {
  select.addEventListener('change', () => select.form.requestSubmit());
});

document.querySelectorAll('select[data-quantity]').forEach((select) => {
  select.addEventListener('change', async () => {
    await fetch('/basket/quantity', {
      method: 'POST',
      body: new URLSearchParams({ slug: select.dataset.quantity, quantity: select.value }),
    });
    location.reload();
  });
});

const stock = document.querySelector('[data-stock]');
if (stock) {
  const response = await fetch(`/stock/${stock.dataset.stock}`);
  stock.textContent = (await response.json()).text;
}

// Deleting asks first.
const lines = document.getElementById('lines');
if (lines) {
  const button = document.getElementById('delete');
  const dialog = document.getElementById('sure');
  const chosen = () => lines.querySelectorAll('input[name=slug]:checked').length;
  lines.addEventListener('change', () => {
    button.disabled = chosen() === 0;
  });
  button.addEventListener('click', () => {
    const count = chosen();
    document.getElementById('sure-title').textContent = count === 1 ? 'Delete 1 item?' : `Delete ${count} items?`;
    dialog.showModal();
  });
  document.getElementById('keep').addEventListener('click', () => dialog.close());
  document.getElementById('really').addEventListener('click', () => lines.submit());
}

const pickUp = document.getElementById('pick-up');
if (pickUp) {
  document.querySelectorAll('input[name=delivery]').forEach((radio) => {
    radio.addEventListener('change', () => {
      pickUp.hidden = radio.value !== 'collect';
    });
  });
}

addEventListener('message', ({ data, origin }) => {
  const frame = document.querySelector('iframe[title="Gift card"]');
  if (!frame || origin !== new URL(frame.src).origin || typeof data?.gift !== 'number') return;
  document.getElementById('gift-line').hidden = data.gift === 0;
  document.getElementById('gift-amount').textContent = `−${money(data.gift)}`;
  document.querySelectorAll('[data-total]').forEach((each) => {
    each.textContent = money(Math.max(Number(each.dataset.total) - data.gift, 0));
  });
});

if (document.querySelector('[data-confirm]')) {
  setTimeout(() => {
    document.getElementById('placing').hidden = true;
    document.getElementById('placed').hidden = false;
  }, 1200);
}

/** A number with two buttons, in an open shadow root; takes part in its form. */
class Stepper extends HTMLElement {
  static formAssociated = true;
  #internals = this.attachInternals();

  connectedCallback() {
    const root = this.attachShadow({ mode: 'open' });
    root.innerHTML = `<style>
      :host { display: inline-block } div { display: inline-flex; align-items: center; border: 1px solid #b9b0a0; border-radius: 8px; overflow: hidden; background: #fff }
      label { display: block; font-size: 14px; color: #5c564c; margin-bottom: 4px }
      input { width: 3em; border: 0; text-align: center; font: inherit; padding: 9px 0; appearance: textfield; background: none } input::-webkit-inner-spin-button { display: none }
      button { border: 0; background: #f1ece2; font: inherit; width: 40px; height: 40px; cursor: pointer } button:hover { background: #e6dfd1 }
      :focus-visible { outline: 2px solid #2f5d50; outline-offset: -2px }
    </style><label for="n"></label><div><button type="button" aria-label="Fewer">−</button><input id="n" type="number" min="1"><button type="button" aria-label="More">+</button></div>`;
    const [fewer, more] = root.querySelectorAll('button');
    const input = root.querySelector('input');
    const max = Number(this.getAttribute('max'));
    root.querySelector('label').textContent = this.getAttribute('label');
    const set = (value) => {
      const number = Math.min(Math.max(Number(value) || 1, 1), max);
      input.value = number;
      this.#internals.setFormValue(String(number));
    };
    input.max = max;
    fewer.addEventListener('click', () => set(Number(input.value) - 1));
    more.addEventListener('click', () => set(Number(input.value) + 1));
    input.addEventListener('input', () => this.#internals.setFormValue(input.value));
    input.addEventListener('change', () => set(input.value));
    set(this.getAttribute('value'));
  }
}
customElements.define('pebble-stepper', Stepper);
