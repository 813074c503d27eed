// "Page N" of the benchmark: N controls, the same for every tool that is measured.

/** The document for n controls; n - 10 must be divisible by 5 or is rounded. */
export function benchPage(n) {
  const rows = Math.round((n - 10) / 5);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Benchmark page ${n}</title>
<style>body{font:14px/1.5 sans-serif;margin:16px}td,th{padding:4px 8px;text-align:left}button,nav a{cursor:pointer}.stock{display:flex;gap:8px}nav a{margin-right:12px}</style>
<script>
const show = (value) => { document.getElementById('counter').textContent = value };
const count = () => Number(document.getElementById('counter').textContent);
addEventListener('click', async ({ target }) => {
  switch (target.dataset.does) {
    case 'add': show(count() + 1); break;
    case 'fetch': show(await (await fetch('/bench/number')).json()); break;
    case 'late': setTimeout(() => show(count() + 1), 150); break;
  }
});
</script></head>
<body><header><nav aria-label="Main"><a href="#home">Home</a><a href="#catalog">Catalog</a><a href="#all">All</a></nav><h1>Benchmark page ${n}</h1></header>
<main><form onsubmit="return false"><label for="email">Email</label><input id="email" type="email" placeholder="you@example.com"><label for="password">Password</label><input id="password" type="password"><label>I agree<input id="agree" type="checkbox"></label><button type="submit">Sign in</button></form>
<p>Counter: <output id="counter">0</output></p><button type="button" data-does="add">Increment counter</button><button type="button" data-does="fetch">Fetch counter</button><button type="button" data-does="late">Late counter</button>
<table><thead><tr><th>Order</th><th>Qty</th><th>Gift</th><th>Ship</th><th>Stock</th><th></th></tr></thead><tbody>
${Array.from({ length: rows }, (_, index) => row(index + 1)).join('\n')}
</tbody></table></main></body></html>
`;
}

function row(i) {
  const options = ['Standard', 'Express', 'Pickup']
    .map((name) => `<option${name === 'Express' ? ' selected' : ''}>${name}</option>`)
    .join('');
  return (
    `<tr><td><a href="#item-${i}">Order #${1000 + i} details</a></td>` +
    `<td><label for="qty-${i}">Quantity for row ${i}</label><input id="qty-${i}" type="text" value="${i % 7}"></td>` +
    `<td><label>Gift wrap ${i}<input id="gift-${i}" type="checkbox"${i % 3 === 0 ? ' checked' : ''}></label></td>` +
    `<td><select id="ship-${i}" aria-label="Shipping ${i}">${options}</select></td>` +
    `<td><div class="stock"><span>In stock</span><span><b>${3 * i}</b> left</span></div></td>` +
    `<td><button type="button" id="add-${i}" data-does="add">Add row ${i}</button></td></tr>`
  );
}
