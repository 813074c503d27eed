// A double of Mailpit: of its HTTP API what a client needs that sends, finds, reads and deletes mail. Whatever
// it does not know it refuses, so that nobody leans on something that Mailpit has not. mailpit.test.mjs holds
// it against Mailpit's client of npm.

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

const person = ({ Email, Name = '' }) => ({ Address: Email, Name });

/** Starts one on a free port. `auth` is `user:password`, if it asks for one. */
export async function startMailpit({ auth } = {}) {
  const state = { mails: [], failures: 0, seen: [] };
  const server = createServer((request, response) => {
    answer(state, auth, request).then(
      ({ status = 200, type = 'application/json', body }) => {
        response.writeHead(status, { 'content-type': type });
        response.end(type === 'application/json' ? JSON.stringify(body) : body);
      },
      (error) => {
        response.writeHead(error.status ?? 500, { 'content-type': 'text/plain' });
        response.end(error.message);
      },
    );
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    send: (mail) => send(state, mail),
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function answer(state, auth, request) {
  const url = new URL(request.url, 'http://mailpit');
  const body = await text(request);
  // Not Mailpit's: the next requests fail.
  if (url.pathname === '/fail') {
    state.failures = Number(body);
    return { body: {} };
  }
  if (auth && request.headers.authorization !== `Basic ${Buffer.from(auth).toString('base64')}`) {
    throw new Refused(401, 'Unauthorised.');
  }
  if (state.failures > 0) {
    state.failures -= 1;
    throw new Refused(503, 'failing as told');
  }
  const route = `${request.method} ${url.pathname.replace(/^(\/api\/v1\/message\/)[^/]+$/, '$1ID')}`;
  switch (route) {
    case 'GET /api/v1/info':
      only(url, []);
      return { body: info(state) };
    case 'POST /api/v1/send':
      only(url, []);
      return { body: { ID: send(state, JSON.parse(body)) } };
    case 'GET /api/v1/search': {
      only(url, ['query', 'start', 'limit', 'tz']);
      return { body: list(state, find(state, url), url) };
    }
    case 'DELETE /api/v1/search': {
      only(url, ['query', 'tz']);
      const gone = find(state, url);
      state.mails = state.mails.filter((mail) => !gone.includes(mail));
      return { type: 'text/plain', body: 'ok' };
    }
    case 'GET /api/v1/message/ID': {
      only(url, []);
      const id = url.pathname.split('/').pop();
      const mail = id === 'latest' ? state.mails[0] : state.mails.find((one) => one.ID === id);
      if (!mail) throw new Refused(404, 'message not found');
      mail.Read = true;
      return { body: whole(mail) };
    }
    default:
      throw new Refused(404, `${request.method} ${url.pathname} is nothing of Mailpit`);
  }
}

async function text(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function only(url, known) {
  for (const name of url.searchParams.keys()) {
    if (!known.includes(name)) throw new Refused(400, `unknown parameter ${name}`);
  }
}

function send(state, mail) {
  const { From, To, Cc = [], Bcc = [], Subject = '', Text = '', HTML = '', ...rest } = mail;
  for (const name of Object.keys(rest)) throw new Refused(400, `unknown field ${name}`);
  if (!From?.Email || !To?.length) throw new Refused(400, 'From and To are required');
  const ID = randomBytes(11).toString('base64url').replace(/[-_]/g, 'x');
  // The newest first, as Mailpit has them.
  state.mails.unshift({
    ID,
    MessageID: `${ID}@mailpit`,
    Read: false,
    From: person(From),
    To: To.map(person),
    Cc: Cc.map(person),
    Bcc: Bcc.map((Email) => person({ Email })),
    ReplyTo: [],
    Subject,
    Created: new Date().toISOString(),
    Tags: [],
    Size: Text.length + HTML.length,
    Text,
    HTML,
  });
  return ID;
}

/** Mailpit's search knows more; this is what is used of it. */
function find(state, url) {
  const query = url.searchParams.get('query') ?? '';
  const terms = [...query.matchAll(/(addressed|to|from|subject):"([^"]*)"\s*/g)];
  if (query === '' || terms.map((term) => term[0]).join('') !== query) {
    throw new Refused(400, `query ${query} is not understood`);
  }
  const has = (people, part) => people.some(({ Address }) => Address.toLowerCase().includes(part));
  return state.mails.filter((mail) =>
    terms.every(([, field, value]) => {
      const part = value.toLowerCase();
      if (field === 'subject') return mail.Subject.toLowerCase().includes(part);
      if (field === 'from') return has([mail.From], part);
      if (field === 'to') return has(mail.To, part);
      return has([mail.From, ...mail.To, ...mail.Cc, ...mail.Bcc], part);
    }),
  );
}

function list(state, found, url) {
  const number = (name, otherwise) => {
    const given = url.searchParams.get(name) ?? String(otherwise);
    if (!/^\d+$/.test(given)) throw new Refused(400, `${name} is no number`);
    return Number(given);
  };
  const start = number('start', 0);
  const shown = found.slice(start, start + number('limit', 50));
  return {
    total: state.mails.length,
    unread: state.mails.filter((mail) => !mail.Read).length,
    count: shown.length,
    messages_count: found.length,
    messages_unread: found.filter((mail) => !mail.Read).length,
    start,
    tags: [],
    messages: shown.map(({ Text, HTML, ...head }) => ({
      ...head,
      Attachments: 0,
      Snippet: Text.slice(0, 250),
    })),
  };
}

function whole({ Read, Created, ...mail }) {
  return {
    ...mail,
    Date: Created,
    ReturnPath: mail.From.Address,
    ListUnsubscribe: { Header: '', Links: [], Errors: '', HeaderPost: '' },
    Attachments: [],
    Inline: [],
  };
}

function info(state) {
  return {
    Version: 'v1.27.0',
    LatestVersion: 'v1.27.0',
    Database: '/tmp/mailpit.db',
    DatabaseSize: 0,
    Messages: state.mails.length,
    Unread: state.mails.filter((mail) => !mail.Read).length,
    Tags: {},
    RuntimeStats: { Uptime: 1 },
  };
}
