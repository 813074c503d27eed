// A page that keeps a ledger of every trusted event on the server: what a person's hand really did
// there, read without asking the browser.

const entries = [];

const page = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Ledger</title>
<style>body { font: 16px/1.5 sans-serif; margin: 24px; height: 4000px } .deep { margin-top: 1400px }
input { display: block; font: inherit; padding: 8px; width: 320px } button { font: inherit; padding: 8px 20px }</style>
</head><body>
<h1>Ledger</h1>
<section class="deep" aria-label="Deep">
  <h2>Half way</h2>
  <label>Message <input id="message" name="message" autocomplete="off"></label>
  <p><button id="pay" data-testid="pay-submit" type="button">Pay now</button> <output id="paid">Paid 0 times</output></p>
</section>
<script>
document.cookie = 'trail=breadcrumbs; path=/';
sessionStorage.setItem('visit', sessionStorage.getItem('visit') || String(Math.random()));
let paid = 0;
document.getElementById('pay').addEventListener('click', () => {
  document.getElementById('paid').value = 'Paid ' + (++paid) + ' times';
});
const born = performance.timeOrigin;
const tell = (event) => {
  if (!event.isTrusted) return;
  const value = document.getElementById('message').value;
  navigator.sendBeacon('/__ledger', JSON.stringify({
    type: event.type, key: event.key ?? null, target: event.target.id ?? '', value, paid,
    scroll: Math.round(scrollY), cookie: document.cookie, visit: sessionStorage.getItem('visit'), born,
  }));
};
for (const type of ['keydown', 'input', 'pointerdown', 'pointerup', 'click', 'wheel']) {
  addEventListener(type, (event) => queueMicrotask(() => tell(event)), { capture: true, passive: true });
}
</script>
</body></html>`;

/** Serves `/ledger` and `/__ledger`; false if the request is for somebody else. */
export function ledger(request, response, path) {
  if (path === '/ledger') {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
    return true;
  }
  if (path !== '/__ledger') return false;
  if (request.method === 'POST') {
    let body = '';
    request.on('data', (part) => { body += part; });
    request.on('end', () => {
      entries.push({ ...JSON.parse(body), received: Date.now() });
      response.writeHead(204).end();
    });
  } else {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(entries));
  }
  return true;
}
