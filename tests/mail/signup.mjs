// A site with a sign-up that asks for a code by mail, and the Mailpit that its mail goes to. Prints the addresses
// of both as JSON, and ends with its standard input.

import { randomInt } from 'node:crypto';
import { createServer } from 'node:http';

import { startMailpit } from './mailpit.mjs';

const mailpit = await startMailpit({ auth: process.env.MAILPIT_AUTH });
const accounts = new Map();

const page = (title, body) =>
  `<!doctype html><html lang="en"><title>${title}</title><meta name="viewport" content="width=device-width">
<style>body { font: 16px sans-serif; margin: 2em }</style><h1>${title}</h1>${body}`;

const escaped = (text) => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);

/** Every account has a mail of its own: a welcome, then a code, then a link. */
function signUp(email) {
  const account = { code: String(randomInt(100000, 1000000)), token: randomInt(2 ** 47).toString(36) };
  accounts.set(email, account);
  const base = { From: { Email: 'no-reply@signup.test', Name: 'Sign-up' }, To: [{ Email: email }] };
  mailpit.send({ ...base, Subject: 'Welcome', Text: 'Welcome! We are 5000 people since 2019.' });
  mailpit.send({
    ...base,
    Subject: 'Confirm your email',
    HTML: `<p>Your verification code:</p><h2>${account.code.slice(0, 3)}-${account.code.slice(3)}</h2>
<p><a href="${site}/verify?email=${encodeURIComponent(email)}&amp;token=${account.token}">Verify by a click</a></p>
<p>&copy; 2026 Sign-up, 10115 Berlin. <a href="${site}/unsubscribe">Unsubscribe</a></p>`,
  });
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://site');
  const form = new URLSearchParams(await body(request));
  const show = (title, html) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(page(title, html));
  };
  if (request.method === 'POST' && url.pathname === '/signup') {
    const email = form.get('email');
    signUp(email);
    show(
      'Check your mail',
      `<p>We have written to ${escaped(email)}.</p><form method="post" action="/code">
<input type="hidden" name="email" value="${escaped(email)}">
<label>Code <input name="code" autocomplete="off"></label> <button>Confirm</button></form>`,
    );
  } else if (request.method === 'POST' && url.pathname === '/code') {
    const right = accounts.get(form.get('email'))?.code === form.get('code');
    // What a page echoes must not be kept either.
    show(right ? 'Code accepted' : 'Wrong code', `<p>You typed ${escaped(form.get('code') ?? '')}.</p>`);
  } else if (url.pathname === '/accounts') {
    // For the test alone: what must stand in no record.
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify([...accounts.values()]));
  } else if (url.pathname === '/verify') {
    const right = accounts.get(url.searchParams.get('email'))?.token === url.searchParams.get('token');
    show(right ? 'Address verified' : 'Wrong link', '');
  } else {
    show(
      'Sign up',
      '<form method="post" action="/signup"><label>Email <input name="email"></label> <button>Sign up</button></form>',
    );
  }
});

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const site = `http://127.0.0.1:${server.address().port}`;
console.log(JSON.stringify({ site, mailpit: mailpit.url }));
process.stdin.resume().on('end', () => process.exit(0));
