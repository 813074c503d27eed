// Pages that misbehave, for tests: each does one bad thing and says which.

import { html, raw } from '../html.mjs';
import { document } from '../layout.mjs';

function simple(title, body, script = '') {
  return document({
    title,
    body: html`<body class="plain-page"><main><h1>${title}</h1>${body}</main>${script && html`<script>${raw(script)}</script>`}</body>`,
  });
}

const LIST = {
  'redirect-loop': 'answers with a redirect to itself, for ever',
  'never-rests': 'changes its text every 50 ms, for ever',
  hangs: 'accepts the connection and never answers',
  endless: 'sends the beginning of a page and never its end',
  dialog: 'alert, confirm and prompt',
  'dialog-on-load': 'an alert before the page is there',
  leave: 'asks before one leaves it',
  poller: 'fetches a number every 200 ms',
  'busy-script': 'a button that blocks the page for ten seconds',
  covered: 'a button below a transparent sheet',
  moves: 'a button that moves for two seconds',
  'late-button': 'a button that comes after 1.5 s',
  twins: 'two buttons of one name',
  popup: 'a link that opens a new tab',
  'script-error': 'throws, and writes to the console',
  memory: 'takes all the memory that there is, one second after it was opened',
  reaches: 'a button that asks every address in the field and says what answered, in the ledger too',
  'status/500': 'answers with that status',
};

/** The text of a fault page, or null; `number` answers its poller. */
export function fault(name) {
  switch (name) {
    case '':
      return simple('Faults', html`<dl>${Object.entries(LIST).map(([path, text]) => html`<dt><a href="/faults/${path}">${path}</a></dt><dd>${text}</dd>`)}</dl>`);
    case 'never-rests':
      return simple('Never rests', html`<p>Tick <output id="ticks">0</output></p><button type="button" onclick="this.textContent='Pressed'">Press me</button>`,
        `let n = 0; setInterval(() => { ticks.textContent = ++n }, 50);`);
    case 'dialog':
      return simple('Dialogs', html`<p><button type="button" id="alert">Alert</button> <button type="button" id="confirm">Confirm</button> <button type="button" id="prompt">Prompt</button></p><p>Answer: <output id="answer">none</output></p>`,
        `document.getElementById('alert').onclick = () => { alert('Saved.'); answer.textContent = 'alert closed' };
         document.getElementById('confirm').onclick = () => { answer.textContent = confirm('Delete everything?') ? 'confirmed' : 'refused' };
         document.getElementById('prompt').onclick = () => { answer.textContent = 'name ' + prompt('Your name?', 'Ada') };`);
    case 'dialog-on-load':
      return simple('Dialog on load', html`<p>Behind the alert.</p>`, `alert('Welcome.');`);
    case 'leave':
      return simple('Leave', html`<label>Note <input id="note"></label> <a href="/faults/">Away</a>`,
        `addEventListener('beforeunload', (event) => { if (note.value) event.preventDefault() });`);
    case 'poller':
      return simple('Poller', html`<p>Number <output id="number">0</output></p><button type="button" onclick="this.textContent='Pressed'">Press me</button>`,
        `setInterval(async () => { number.textContent = await (await fetch('/faults/number')).text() }, 200);`);
    case 'busy-script':
      return simple('Busy script', html`<button type="button">Block</button>`,
        `document.querySelector('button').onclick = () => { const end = Date.now() + 10000; while (Date.now() < end); document.title = 'Free again' };`);
    case 'covered':
      return simple('Covered', html`<button type="button">Below</button><div id="sheet" style="position:fixed;inset:0;background:#fff3"></div>`);
    case 'moves':
      return simple('Moves', html`<style>@keyframes slide { from { transform: translateX(0) } to { transform: translateX(400px) } } #runner { animation: slide 2s linear both }</style><button type="button" id="runner" onclick="this.textContent='Caught'">Catch me</button>`);
    case 'memory':
      return simple('Memory', html`<p>Soon there is none left.</p>`,
        `const all = []; setTimeout(() => { for (;;) all.push(new Uint8Array(64 << 20).fill(1)) }, 1000);`);
    case 'reaches':
      return simple('Reaches', html`<label>Addresses <input id="addresses" size="80"></label> <button type="button" id="ask">Ask them all</button><ul id="answers"></ul><p id="done"></p>`,
        `ask.onclick = async () => {
           const all = addresses.value.split(' ').filter(Boolean);
           let nothing = 0;
           await Promise.all(all.map(async (address) => {
             const line = answers.appendChild(document.createElement('li'));
             const ways = { fetch: fetch(address, { mode: 'no-cors', signal: AbortSignal.timeout(5000) }) };
             if (address.startsWith('http:')) ways.socket = new Promise((opens, fails) => {
               const socket = new WebSocket(address.replace('http', 'ws'));
               socket.onopen = opens; socket.onerror = fails; setTimeout(fails, 5000);
             });
             const open = [];
             for (const [way, answer] of Object.entries(ways)) await answer.then(() => open.push(way), () => {});
             if (!open.length) nothing += 1;
             line.textContent = address + (open.length ? ' answered a ' + open.join(' and a ') : ' gave nothing');
           }));
           done.textContent = nothing + ' of ' + all.length + ' gave nothing';
           navigator.sendBeacon('/__ledger', JSON.stringify({ type: 'reached', text: done.textContent }));
         };`);
    case 'late-button':
      return simple('Late button', html`<p id="place">Wait for it.</p>`,
        `setTimeout(() => { place.innerHTML = '<button type="button" onclick="this.textContent=\\'Pressed\\'">Here I am</button>' }, 1500);`);
    case 'twins':
      return simple('Twins', html`<section aria-label="Left"><button type="button">Same</button></section><section aria-label="Right"><button type="button">Same</button></section>`);
    case 'popup':
      return simple('Popup', html`<p><a href="/faults/" target="_blank">New tab</a></p>`);
    case 'script-error':
      return simple('Script error', html`<p>See the console.</p>`, `console.warn('a warning'); console.error('an error'); throw new Error('thrown on purpose');`);
    default:
      return null;
  }
}

/** A page that gives back what was posted, everywhere a value can leak: for the canary test. */
export function echo(values, link) {
  const secret = values?.secret;
  return simple('Echo', html`<form method="post" action="/echo-secret">
      <label>Secret <input type="password" name="secret"></label> <label>Comment <input name="comment"></label> <button>Send</button></form>
    ${secret !== undefined && html`<p id="echo">You sent: ${secret}</p><p><a href="${link}" title="${secret}">Link with it</a></p><textarea aria-label="Copy">${secret}</textarea>`}`,
    secret === undefined
      ? ''
      : `const sent = document.getElementById('echo').textContent.slice(10);
         console.log('sent', sent); console.error('sent ' + sent);
         localStorage.setItem('sent', sent); document.title = 'Echo ' + sent; fetch('/faults/number?secret=' + encodeURIComponent(sent), { headers: { 'x-sent': btoa(unescape(encodeURIComponent(sent))) } });`);
}

/** A page whose middle comes late; the caller sends `start`, waits, and sends `end`. */
export function slow() {
  const text = simple('Slow page', html`<p>Before the pause.</p><!--pause--><p>After the pause.</p>`);
  const [start, end] = text.split('<!--pause-->');
  return { start, end };
}
