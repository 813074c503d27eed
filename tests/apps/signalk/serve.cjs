// Serves Signal K with an empty chart on a free port; its settings and what people draw live in a
// temporary directory.

const { mkdtempSync, rmSync, symlinkSync, writeFileSync } = require('node:fs');
const { Server: Listener } = require('node:net');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const state = mkdtempSync(join(tmpdir(), 'handback-signalk-'));
process.on('exit', () => rmSync(state, { recursive: true, force: true }));
const stop = () => process.exit(0);
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
process.stdin.on('end', stop).on('close', stop).resume();

// What the server says goes to standard error: the first line on standard output is the address.
const say = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);
// It would listen on all addresses, on a port that it has to be told.
const { listen } = Listener.prototype;
Listener.prototype.listen = function (_port, ready) {
  return listen.call(this, { host: '127.0.0.1', port: 0 }, ready);
};

const modules = process.env.SIGNALK_MODULES;
process.env.SIGNALK_NODE_CONFIG_DIR = state;
process.env.SIGNALK_DISABLE_SERVER_UPDATES = 'true';
const { hashSync } = require(join(modules, 'bcryptjs'));
// Nothing that speaks to other machines, or asks a registry for more plugins.
const off = { appstore: false, tcp: false, 'nmea-tcp': false };
const settings = { interfaces: off, mdns: false, ssl: false, pipedProviders: [], accessLogging: false, security: { strategy: './tokensecurity' } };
const navigator = { username: 'navigator', type: 'admin', password: hashSync('a-plain-password', 4) };
writeFileSync(join(state, 'settings.json'), JSON.stringify(settings));
writeFileSync(join(state, 'security.json'), JSON.stringify({ users: [navigator], allow_readonly: false }), { mode: 0o600 });
// Where it looks for the chart and the store of what is drawn.
symlinkSync(modules, join(state, 'node_modules'));

const Server = require(join(modules, 'signalk-server'));
new Server({ config: {} }).start().then(({ app }) => {
  say(`http://127.0.0.1:${app.server.address().port}\n`);
});
