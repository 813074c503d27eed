// Plays the gate of docs/takeover-protocol.md without a browser behind it: strict about hosts, origins,
// tokens, seats and headers, so that the page is developed against what the gate will insist on.

import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import { serveRfb, testPicture } from './rfb.mjs';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json', '.jpg': 'image/jpeg', '.webm': 'video/webm' };

const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/** What player.html is served with: its own policy, in the file, names the hashes. */
const PLAYER_CSP = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; media-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

export const HOUR = 3_600_000;

export function startState(run = {}) {
  return {
    run: { id: '01jd8x7m3qk5w2n9r4t6v8y0za', name: 'checkout-pr-42', url: 'https://pr-42.preview.example/checkout', phase: 'running', verdict: null, reason: null, ...run },
    browser: { alive: true, version: 'Chromium 156.0', sandbox: 'own', display: { width: 800, height: 500 }, ended: null },
    lease: { owner: 'agent', epoch: 1, holder: null, deadlineMs: null, connected: false },
    viewers: [],
    keep: { on: true, idleLeftMs: null, expiring: false },
    takeover: { available: false, why: 'run_not_finished', message: 'Taking over is possible once the run has ended. Stop the run to get there sooner.' },
    video: { status: 'recording', reason: null, path: null, durationMs: null },
    player: null,
  };
}

export class Mock {
  constructor({ picture = testPicture(800, 500), state = startState(), files = {} } = {}) {
    this.picture = picture;
    this.state = state;
    /** Run files: path below /runs/<id>/ → Buffer. */
    this.files = files;
    this.tokens = new Map();
    this.seats = new Map();
    this.events = [];
    this.streams = new Set();
    this.rfb = { sockets: 0, handshakes: 0, updates: 0, inputs: [] };
    this.control = null;
    this.controlLog = [];
    this.requests = [];
    this.refused = [];
    this.sockets = new Set();
    this.deadline = HOUR;
    this.candidates = [];
    /** As in a run pod behind `handback take`: its key, what it was asked, and whether it grants. */
    this.client = null;
  }

  /** The gate of a pod, and the person's own program before it. */
  inPod() {
    this.client = { key: randomBytes(16).toString('hex'), wishes: [], refuses: null, leftMs: HOUR };
    return this;
  }

  async listen(port = 0) {
    this.server = createServer((request, response) => this.#handle(request, response));
    this.ws = new WebSocketServer({ noServer: true, handleProtocols: (offered) => (offered.has('handback') ? 'handback' : false) });
    this.server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    await new Promise((resolve) => this.server.listen(port, '127.0.0.1', resolve));
    this.port = this.server.address().port;
    return this;
  }

  get host() {
    return `${this.state.run.id}.localhost:${this.port}`;
  }

  get origin() {
    return `http://${this.host}`;
  }

  address(name = 'ada', onward = null) {
    const token = randomBytes(16).toString('hex');
    this.tokens.set(token, name);
    const client = this.client ? `&c=${this.client.key}&l=${this.client.leftMs}` : '';
    return `${this.origin}/#t=${token}${onward ? `&p=${onward}` : ''}${client}`;
  }

  async close() {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Cuts every connection and refuses new ones until `mend`. */
  async cut() {
    await this.close();
    this.streams.clear();
    this.control = null;
  }

  async mend() {
    await this.listen(this.port);
  }

  // The story

  event(type, data, scenario = null, ms = Date.now()) {
    const event = { v: 1, run: this.state.run.id, scenario, seq: this.events.length + 1, ts: new Date(ms).toISOString(), type, data };
    this.events.push(event);
    for (const stream of this.streams) this.#sendEvent(stream, event);
  }

  notice(code, message) {
    for (const stream of this.streams) stream.write(`event: notice\ndata: ${JSON.stringify({ code, message })}\n\n`);
  }

  push(change = () => {}) {
    change(this.state);
    for (const stream of this.streams) stream.write(`event: state\ndata: ${JSON.stringify(this.state)}\n\n`);
  }

  finish(verdict = 'failed', reason = 'assertion_failed') {
    this.push((state) => {
      Object.assign(state.run, { phase: 'finished', verdict, reason });
      state.lease = { ...state.lease, owner: 'none', epoch: state.lease.epoch + 1, holder: null };
      state.takeover = { available: true, why: null, message: '' };
      state.keep.idleLeftMs = 872_000;
      if (this.files['video.webm']) state.video = { status: 'recorded', reason: null, path: `/runs/${state.run.id}/video.webm`, durationMs: this.videoMs ?? 12_000 };
      else state.video = { status: 'off', reason: null, path: null, durationMs: null };
      if (this.files['player.html']) state.player = `/runs/${state.run.id}/player.html`;
    });
  }

  end(why = 'idle', message = 'Nobody was there for 15 minutes.') {
    this.revoke('browser_lost');
    this.push((state) => {
      state.browser.alive = false;
      state.browser.ended = { why, message, at: new Date().toISOString() };
      state.takeover = { available: false, why: 'browser_gone', message: 'The browser is closed.' };
    });
    for (const client of this.ws.clients) client.close(4410);
  }

  grant(seat, name) {
    this.push((state) => {
      state.lease = { owner: 'human', epoch: state.lease.epoch + 1, holder: { name, seat }, deadlineMs: this.deadline, connected: false };
      state.takeover = { available: false, why: 'held', message: `${name} is in control.` };
    });
  }

  revoke(reason) {
    const control = this.control;
    this.control = null;
    if (this.state.lease.owner !== 'human') return;
    const epoch = this.state.lease.epoch + 1;
    control?.send(JSON.stringify({ type: 'lease', state: 'revoked', epoch, reason }));
    control?.close();
    this.push((state) => {
      state.lease = { owner: 'none', epoch, holder: null, deadlineMs: null, connected: false };
      state.takeover = { available: true, why: null, message: '' };
    });
  }

  tell(message) {
    this.control?.send(JSON.stringify(message));
  }

  // HTTP

  #handle(request, response) {
    const url = new URL(request.url, 'http://x');
    this.requests.push(`${request.method} ${url.pathname}`);
    const player = url.pathname.endsWith('/player.html');
    response.setHeader('Content-Security-Policy', player ? PLAYER_CSP : CSP);
    response.setHeader('Referrer-Policy', 'no-referrer');
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('Permissions-Policy', 'clipboard-read=()');
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
    const no = (status, code) => {
      this.refused.push(`${status} ${request.method} ${url.pathname}`);
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ error: { code, message: `Refused: ${code.replaceAll('_', ' ')}.` } }));
    };
    if (request.headers.host !== this.host) return no(421, 'foreign_host');
    if (request.headers.origin && request.headers.origin !== this.origin) return no(403, 'foreign_origin');
    if (request.method === 'GET' && url.pathname === '/') return this.#asset(response, 'index.html', no);
    if (request.method === 'GET' && url.pathname.startsWith('/assets/')) return this.#asset(response, url.pathname.slice(1), no);
    if (url.pathname.startsWith('/client/')) return this.#wish(request, response, url.pathname.slice(8), no);
    if (request.method === 'POST' && url.pathname === '/api/session') return this.#session(request, response, no);
    const seat = this.#seatOf(request);
    if (!seat) return no(401, 'token_required');
    if (request.method === 'GET' && url.pathname === '/api/events') return this.#stream(request, response);
    if (request.method === 'GET' && url.pathname.startsWith('/runs/')) return this.#file(request, response, url.pathname, no);
    if (request.method !== 'POST') return no(404, 'not_found');
    if (url.pathname === '/api/beacon') return done(response, 204);
    if (request.headers['x-handback-seat'] !== `${seat.id}.${seat.secret}`) return no(401, 'token_required');
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => this.#act(url.pathname, body ? JSON.parse(body) : {}, seat, response, no));
    return undefined;
  }

  /** What the relay answers itself. */
  #wish(request, response, what, no) {
    if (!this.client) return no(404, 'not_found');
    if (request.headers['x-handback-client'] !== this.client.key || !request.headers.origin) return no(401, 'token_required');
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      this.client.wishes.push([what, JSON.parse(body)]);
      if (this.client.refuses) {
        response.writeHead(409, { 'Content-Type': 'application/json' });
        return response.end(JSON.stringify({ error: this.client.refuses }));
      }
      const token = randomBytes(16).toString('hex');
      this.tokens.set(token, 'ada');
      if (what === 'takeover') this.client.grants = token;
      return json(response, { ticket: token, leftMs: this.client.leftMs });
    });
    return undefined;
  }

  #act(path, body, seat, response, no) {
    switch (path) {
      case '/api/presence':
        return done(response, 204);
      case '/api/keep':
        this.push((state) => (state.keep.on = body.on));
        return done(response, 204);
      case '/api/stop':
        this.stopped = body.what;
        if (body.what === 'browser') this.end('stopped', `${seat.name} stopped it.`);
        else this.finish('cancelled', 'cancelled');
        return done(response, 202);
      case '/api/takeover': {
        const { lease, run } = this.state;
        if (this.client) return no(403, 'not_allowed');
        if (run.phase === 'running') return no(409, 'run_not_finished');
        if (lease.holder && lease.holder.seat !== seat.id && !(body.move && lease.holder.name === seat.name)) {
          response.writeHead(409, { 'Content-Type': 'application/json' });
          return response.end(JSON.stringify({ error: { code: 'already_held', message: 'Somebody is in control.' }, holder: lease.holder.name }));
        }
        if (body.move) this.revoke('moved');
        this.grant(seat.id, seat.name);
        return json(response, { handoff: 'h1', epoch: this.state.lease.epoch, deadlineMs: this.deadline });
      }
      default:
        return no(404, 'not_found');
    }
  }

  #session(request, response, no) {
    const token = request.headers['x-handback-token'];
    const proof = request.headers['x-handback-seat'];
    let seat = null;
    if (token) {
      const name = this.tokens.get(token);
      if (!name) return no(401, 'token_refused');
      this.tokens.delete(token);
      const kept = this.client && proof ? this.seats.get(proof.split('.')[0]) : null;
      if (this.client && proof && kept?.secret !== proof.split('.')[1]) return no(401, 'token_refused');
      seat = kept ?? { id: `s${this.seats.size + 1}`, secret: randomBytes(16).toString('hex'), cookie: randomBytes(16).toString('hex'), name };
      this.seats.set(seat.id, seat);
      if (this.client?.grants === token) this.grant(seat.id, seat.name);
    } else if (proof) {
      const [id, secret] = proof.split('.');
      seat = this.seats.get(id);
      if (!seat || seat.secret !== secret) return no(401, 'token_refused');
    } else return no(401, 'token_required');
    if (!this.state.viewers.some((viewer) => viewer.seat === seat.id)) this.push((state) => state.viewers.push({ seat: seat.id, name: seat.name }));
    response.setHeader('Set-Cookie', `handback_${seat.id}=${seat.cookie}; HttpOnly; SameSite=Strict; Path=/`);
    return json(response, { seat: { id: seat.id, secret: seat.secret }, me: seat.name, state: this.state });
  }

  #seatOf(request) {
    const cookies = Object.fromEntries((request.headers.cookie ?? '').split('; ').map((pair) => pair.split('=')));
    const proven = [...this.seats.values()].filter((seat) => cookies[`handback_${seat.id}`] === seat.cookie);
    const proof = request.headers['x-handback-seat'] ?? /seat\.(\S+)/.exec(request.headers['sec-websocket-protocol'] ?? '')?.[1];
    if (proof === undefined) return proven[0] ?? null;
    return proven.find((seat) => proof === `${seat.id}.${seat.secret}`) ?? null;
  }

  #stream(request, response) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    this.streams.add(response);
    response.on('close', () => this.streams.delete(response));
    response.write(`event: state\ndata: ${JSON.stringify(this.state)}\n\n`);
    const after = Number(request.headers['last-event-id'] ?? 0);
    this.lastEventId = after;
    for (const event of this.events.filter((each) => each.seq > after)) this.#sendEvent(response, event);
    response.write(': here\n\n');
  }

  /** In pieces, as a network may deliver them. */
  #sendEvent(stream, event) {
    const message = `id: ${event.seq}\nevent: run\ndata: ${JSON.stringify(event)}\n\n`;
    const cut = Math.floor(message.length / 2);
    stream.write(message.slice(0, cut));
    stream.write(message.slice(cut));
  }

  #asset(response, name, no) {
    const path = join(DIST, name);
    if (name.includes('..') || !existsSync(path)) return no(404, 'not_found');
    response.writeHead(200, { 'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream' });
    return response.end(readFileSync(path));
  }

  #file(request, response, path, no) {
    const prefix = `/runs/${this.state.run.id}/`;
    const body = path.startsWith(prefix) ? this.files[decodeURIComponent(path.slice(prefix.length))] : undefined;
    if (!body) return no(404, 'not_found');
    response.setHeader('Accept-Ranges', 'bytes');
    response.setHeader('ETag', `"${createHash('sha256').update(body).digest('hex')}"`);
    response.setHeader('Content-Type', TYPES[extname(path)] ?? 'application/octet-stream');
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    if (!range) return response.end(body);
    const from = Number(range[1]);
    const to = Math.min(range[2] ? Number(range[2]) : body.length - 1, body.length - 1);
    response.writeHead(206, { 'Content-Range': `bytes ${from}-${to}/${body.length}`, 'Content-Length': to - from + 1 });
    return response.end(body.subarray(from, to + 1));
  }

  // WebSockets

  #upgrade(request, socket, head) {
    const seat = this.#seatOf(request);
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(/,\s*/);
    const mine = request.headers.host === this.host && request.headers.origin === this.origin;
    if (!mine || !seat || !offered.includes('handback') || !offered.includes(`seat.${seat.id}.${seat.secret}`)) {
      this.refused.push(`401 WS ${request.url}`);
      socket.end('HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    this.ws.handleUpgrade(request, socket, head, (client) => {
      if (request.url === '/api/rfb') serveRfb(client, this.picture, this.rfb);
      else if (request.url === '/api/control') this.#controlled(client, seat);
      else client.close(4404);
    });
  }

  #controlled(client, seat) {
    const { lease } = this.state;
    if (lease.holder?.seat !== seat.id) return client.close(4409);
    this.control = client;
    client.on('close', () => {
      if (this.control === client) this.control = null;
    });
    client.send(JSON.stringify({ type: 'lease', state: 'granted', epoch: lease.epoch, deadlineMs: this.deadline }));
    client.on('message', (data) => {
      const message = JSON.parse(String(data));
      this.controlLog.push(message);
      if (message.type === 'heartbeat') client.send(JSON.stringify({ type: 'heartbeat', n: message.n, remainingMs: this.deadline }));
      if (message.type === 'release') this.revoke(message.outcome === 'finish' ? 'released' : 'cancelled');
    });
    return undefined;
  }
}

function done(response, status) {
  response.writeHead(status);
  response.end();
}

function json(response, body) {
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body));
}
