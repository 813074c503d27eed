import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { Mock, startState } from './mock.mjs';
import { launch, open, state, until } from './chromium.mjs';
import { jpeg, recording } from './media.mjs';
import { CANDIDATES, CASES, FAILED_WHY, HOSTILE, results, tellRun } from './scene.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const CTRL = 0xffe3, ALT = 0xffe9, SHIFT = 0xffe1, ESCAPE = 0xff1b;

let browser, mock, pages, files;

before(async () => {
  browser = await launch();
  const shot = jpeg();
  files = { 'video.webm': recording(12) };
  for (let n = 1; n <= 10; n += 1) files[`screenshots/${String(n).padStart(3, '0')}_s${n}_click.jpg`] = shot;
});
after(() => browser.close());
afterEach(async () => {
  for (const each of pages ?? []) await each.context.close();
  await mock?.close();
  pages = [];
});

async function start(options = {}) {
  mock = await new Mock({ state: startState(), ...options, files: { ...files, ...options.files } }).listen();
  mock.files['results.json'] = Buffer.from(JSON.stringify(results(mock)));
  return mock;
}

async function visit(address = mock.address(), options = {}) {
  const opened = await open(browser, address, options);
  (pages ??= []).push(opened);
  return opened;
}

/** A page on a finished run, its picture painted. */
async function finished(options = {}) {
  await start(options);
  tellRun(mock);
  mock.finish();
  const opened = await visit(mock.address(), options);
  await state(opened.page, 'finished');
  await until('the first frame', () => mock.rfb.updates > 0);
  return opened;
}

async function control(options = {}) {
  const opened = await finished(options);
  await opened.page.click('#take');
  await granted(opened.page);
  return opened;
}

function granted(page) {
  return page.waitForFunction(() => document.querySelector('#picture canvas')?.getAttribute('role') === 'application');
}

async function clean({ page, problems }) {
  assert.deepEqual(problems, [], 'console errors');
  assert.deepEqual(await page.evaluate(() => window.violations), [], 'policy violations');
  assert.deepEqual(mock.refused, [], 'requests the gate refused');
}

const sentence = (page) => page.textContent('#sentence');
const keys = () => mock.rfb.inputs.filter((input) => input.type === 'key');

describe('getting in', () => {
  it('lets one tab in with an address, and tells a second one in plain words that it was used', async () => {
    await start();
    const address = mock.address();
    const first = await visit(address);
    await state(first.page, 'watching');
    assert.equal(new URL(first.page.url()).hash, '', 'the token stays out of the address bar');
    const second = await visit(address);
    await state(second.page, 'refused');
    assert.match(await second.page.textContent('#door'), /used already.*terminal/s);
    assert.equal(mock.rfb.sockets, 1, 'no picture without a seat');
  });

  it('says what is missing in an address without its key', async () => {
    await start();
    const { page } = await visit(`${mock.origin}/`);
    await state(page, 'refused');
    assert.match(await page.textContent('#door'), /#t=…/);
  });

  it('goes on to the player once the seat exists, and nowhere else', async () => {
    await start();
    mock.files['player.html'] = Buffer.from('<!doctype html><title>the player</title>');
    const { page } = await visit(mock.address('ada', `/runs/${mock.state.run.id}/player.html`));
    await page.waitForFunction(() => document.title === 'the player');
    const other = await visit(mock.address('ada', 'https://elsewhere.example/'));
    await state(other.page, 'watching');
  });

  it('keeps the seat over a reload', async () => {
    await start();
    const { page } = await visit();
    await state(page, 'watching');
    await page.reload();
    await state(page, 'watching');
    assert.equal(mock.seats.size, 1);
  });
});

describe('through the program of the person', () => {
  async function behind() {
    await start();
    mock.inPod();
    tellRun(mock);
    mock.finish();
    const opened = await visit(mock.address());
    await state(opened.page, 'finished');
    await until('the first frame', () => mock.rfb.updates > 0);
    return opened;
  }

  it('takes over with a ticket of its own Handoff, on the same canvas', async () => {
    const opened = await behind();
    const { page } = opened;
    await page.evaluate(() => { window.before = document.querySelector('#picture canvas'); });
    await page.click('#take');
    await granted(page);
    assert.ok(await page.evaluate(() => window.before === document.querySelector('#picture canvas')), 'another canvas');
    assert.equal(mock.rfb.handshakes, 1);
    assert.equal(mock.seats.size, 1, 'another seat');
    assert.deepEqual(mock.client.wishes, [['takeover', {}]]);
    assert.equal(new URL(page.url()).hash, '', 'ticket and key stay out of the address bar');
    await clean(opened);
  });

  it('watches on with a ticket of a View once control is over', async () => {
    const opened = await behind();
    const { page } = opened;
    await page.click('#take');
    await granted(page);
    mock.revoke('deadline');
    await until('the View', () => mock.client.wishes.length === 2);
    assert.deepEqual(mock.client.wishes[1], ['ticket', { view: true }]);
    await state(page, 'finished');
    await until('the ticket is used', () => mock.tokens.size === 0);
    assert.equal(mock.seats.size, 1, 'another seat');
    await clean(opened);
  });

  it('renews what it watches under before that ends', async () => {
    await start();
    mock.inPod().client.leftMs = 60_500;
    const opened = await visit(mock.address());
    await state(opened.page, 'watching');
    await until('a renewal', () => mock.client.wishes.length > 0);
    assert.deepEqual(mock.client.wishes[0], ['ticket', { view: true }]);
    await until('the ticket is used', () => mock.tokens.size === 0);
    await clean(opened);
  });

  it('comes in with an address whose ticket was used, since it has the key', async () => {
    await start();
    mock.inPod();
    const address = mock.address();
    const first = await visit(address);
    await state(first.page, 'watching');
    const second = await visit(address);
    await state(second.page, 'watching');
    assert.deepEqual(mock.client.wishes, [['ticket', { view: false }]]);
    assert.equal(mock.seats.size, 2);
  });

  it('says in the words of the program why it cannot be taken', async () => {
    const { page } = await behind();
    mock.client.refuses = { code: 'already_held', message: 'bob has this browser until noon.' };
    await page.click('#take');
    await page.waitForFunction(() => document.querySelector('#sentence').textContent.includes('bob has this browser until noon.'));
    assert.equal(await page.locator('#release').isVisible(), false);
  });
});

describe('watching', () => {
  it('shows the run as it goes on, and does not offer the browser yet', async () => {
    await start();
    const opened = await visit();
    const { page } = opened;
    await state(page, 'watching');
    tellRun(mock, { stopInLast: true });
    await page.waitForSelector('.step .now');
    assert.match(await page.textContent('#aside'), /step 9: Click "Pay now"/);
    assert.match(await page.textContent('#verdict'), /Running case 3 of 3/);
    assert.equal(await page.getAttribute('#take', 'aria-disabled'), 'true');
    await page.click('#take', { force: true });
    await page.waitForFunction(() => document.querySelector('#sentence').textContent.includes('once the run has ended'));
    assert.ok(!mock.requests.includes('POST /api/takeover'));
    await clean(opened);
  });

  it('sends nothing that is typed or clicked, and says so once', async () => {
    await start();
    const { page } = await visit();
    await until('the first frame', () => mock.rfb.updates > 0);
    await page.click('#picture canvas', { position: { x: 200, y: 100 } });
    await page.keyboard.type('abc');
    await page.waitForFunction(() => document.querySelector('#sentence').textContent.includes('only watching'));
    assert.deepEqual(mock.rfb.inputs, []);
  });

  it('stops the run after asking', async () => {
    await start();
    const { page } = await visit();
    await state(page, 'watching');
    await page.keyboard.press('s');
    await page.click('#stop-yes');
    await state(page, 'finished');
    assert.equal(mock.stopped, 'run');
  });

  it('keeps text of the run as text', async () => {
    await start();
    mock.state.run.name = HOSTILE;
    mock.state.run.url = `https://x.example/${HOSTILE}`;
    tellRun(mock, { cases: [{ name: HOSTILE, steps: [[`Verify ${HOSTILE}`, 10]], verdict: 'failed', ms: 10 }] });
    mock.event('reasoning', { text: HOSTILE }, 0);
    const opened = await visit();
    await opened.page.waitForSelector('.think');
    assert.equal(await opened.page.evaluate(() => window.hurt), undefined);
    assert.equal(await opened.page.locator('b, img[src="x"]').count(), 0);
    assert.match(await opened.page.textContent('.step.bad .text'), /<img src=x/);
    await opened.page.click('#tab-checks');
    assert.equal(await opened.page.locator('b, img[src="x"]').count(), 0);
    await clean(opened);
  });

  it('says why there is no live picture without a display', async () => {
    await start();
    mock.state.browser.display = null;
    mock.state.takeover = { available: false, why: 'display_unavailable', message: 'This browser has no display, so nobody can take it over.' };
    const opened = await visit();
    await opened.page.waitForSelector('#blank:not([hidden])');
    assert.match(await opened.page.textContent('#blank'), /without a display/);
    mock.finish();
    mock.push((now) => (now.takeover = { available: false, why: 'display_unavailable', message: 'This browser has no display, so nobody can take it over.' }));
    await opened.page.waitForFunction(() => document.querySelector('#sentence').textContent.includes('nobody can take it over'));
    assert.ok(await opened.page.isHidden('#over'));
    assert.equal(mock.rfb.sockets, 0);
    await clean(opened);
  });
});

describe('taking over and handing back', () => {
  it('flips the same canvas on the same connection, and back', async () => {
    const opened = await finished();
    const { page } = opened;
    await page.evaluate(() => (document.querySelector('#picture canvas').mine = true));
    await page.hover('#over');
    await page.click('#take-here');
    await granted(page);
    assert.equal(await page.evaluate(() => document.querySelector('#picture canvas').mine), true);
    await page.keyboard.press('a');
    await page.mouse.click(300, 300);
    await until('the input', () => keys().length === 2 && mock.rfb.inputs.some((input) => input.mask === 1));
    await page.click('#release');
    await page.click('#release-dialog button.hand');
    await state(page, 'finished');
    assert.equal(await page.evaluate(() => document.querySelector('#picture canvas').mine), true);
    const sent = mock.rfb.inputs.length;
    await page.mouse.click(300, 300);
    await page.keyboard.press('b');
    assert.equal(mock.rfb.inputs.length, sent, 'nothing after the release');
    assert.deepEqual([mock.rfb.sockets, mock.rfb.handshakes], [1, 1]);
    assert.deepEqual(mock.controlLog.find((message) => message.type === 'release'), { type: 'release', outcome: 'finish' });
    await clean(opened);
  });

  it('hands back with a note that it could not be done', async () => {
    const { page } = await control();
    await page.click('#release');
    await page.check('input[value="cancel"]');
    await page.fill('textarea[name="note"]', 'x'.repeat(4097));
    await page.click('#release-dialog button.hand');
    assert.match(await page.textContent('#note-problem'), /4097 bytes/);
    await page.fill('textarea[name="note"]', 'The card was refused.');
    await page.click('#release-dialog button.hand');
    await state(page, 'finished');
    assert.deepEqual(mock.controlLog.find((message) => message.type === 'release'), { type: 'release', outcome: 'cancel', note: 'The card was refused.' });
  });

  it('releases keys that are down before it becomes view-only', async () => {
    const { page } = await control();
    await page.keyboard.down('Shift');
    await until('Shift', () => keys().some((key) => key.keysym === SHIFT && key.down));
    mock.revoke('deadline');
    await state(page, 'finished');
    await until('Shift released', () => keys().some((key) => key.keysym === SHIFT && !key.down));
    assert.match(await sentence(page), /time was up/);
  });

  it('counts down, and warns at once near the end', async () => {
    const { page } = await control();
    await page.waitForFunction(() => /^(59|1:00):\d\d|1:00:00 left/.test(document.querySelector('#left').textContent));
    mock.tell({ type: 'warning', code: 'expiring', remainingMs: 60_000 });
    await page.waitForFunction(() => document.querySelector('#assertive').textContent.includes('60 seconds'));
    assert.ok(await page.evaluate(() => document.querySelector('#left').classList.contains('short')));
  });

  it('pastes through the control connection', async () => {
    const { page } = await control();
    await page.click('#paste');
    await page.keyboard.type('Grüße');
    await page.keyboard.press('Control+Enter');
    await until('the paste', () => mock.controlLog.some((message) => message.type === 'paste'));
    assert.equal(mock.controlLog.find((message) => message.type === 'paste').text, 'Grüße');
    assert.deepEqual(keys(), [], 'what is written in a dialog stays here');
  });

  it('gets its control back after a reload', async () => {
    const { page } = await control();
    await page.reload();
    await granted(page);
    assert.equal(await page.getAttribute('body', 'data-state'), 'control');
    assert.equal(mock.requests.filter((request) => request === 'POST /api/takeover').length, 1);
    assert.ok(mock.requests.includes('POST /api/beacon'));
  });

  it('says that the controls broke, types nothing meanwhile, and goes on', async () => {
    const { page } = await control();
    mock.control.terminate();
    await page.waitForFunction(() => document.querySelector('#picture canvas').getAttribute('role') === 'img');
    await granted(page);
    assert.equal(mock.rfb.handshakes, 1);
  });

  it('names the holder to a second viewer, and moves a holder to a new tab', async () => {
    const { context } = await control();
    const other = await visit(mock.address('grace'));
    await state(other.page, 'finished');
    assert.match(await sentence(other.page), /ada is in control/);
    assert.equal(await other.page.getAttribute('#take', 'aria-disabled'), 'true');
    assert.match(await other.page.textContent('#viewers'), /2 watching/);
    const second = await visit(mock.address('ada'), { context });
    await state(second.page, 'finished');
    assert.equal(await second.page.textContent('#take'), 'Continue here');
    await second.page.click('#take');
    await granted(second.page);
    await state(pages[0].page, 'finished');
    assert.match(await sentence(pages[0].page), /another tab/);
  });

  it('tells who was faster', async () => {
    const { page } = await finished();
    // The state that names the holder is still on its way.
    mock.state.lease = { owner: 'human', epoch: 9, holder: { name: 'grace', seat: 'sX' }, deadlineMs: 1000, connected: true };
    await page.click('#take');
    await page.waitForFunction(() => document.querySelector('#sentence').textContent.includes('grace was faster'));
  });
});

describe('keyboard', () => {
  it('takes over, types everything to the browser, and hands back with the chord alone', async () => {
    const { page } = await finished();
    await page.keyboard.press('t');
    await granted(page);
    await page.keyboard.press('t');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Tab');
    await until('the keys', () => keys().length === 6);
    assert.deepEqual(keys().filter((key) => key.down).map((key) => key.keysym), [0x74, ESCAPE, 0xff09]);
    mock.rfb.inputs.length = 0;
    for (const key of ['Control', 'Alt', 'Shift']) await page.keyboard.down(key);
    await page.keyboard.down('KeyR');
    await page.waitForSelector('#release-dialog[open]');
    await until('the modifiers released', () => keys().filter((key) => !key.down).length === 3);
    for (const key of ['KeyR', 'Shift', 'Alt', 'Control']) await page.keyboard.up(key);
    assert.deepEqual(keys().filter((key) => key.down).map((key) => key.keysym), [CTRL, ALT, SHIFT], 'the letter of the chord stays here');
    assert.equal(keys().length, 6);
    await page.keyboard.press('Control+Enter');
    await state(page, 'finished');
  });

  it('leaves the screen with the chord and Escape, and comes back with Tab', async () => {
    const { page } = await control();
    await page.keyboard.press('Control+Alt+Shift+Escape');
    await page.waitForFunction(() => document.activeElement.id === 'release');
    assert.ok(keys().every((key) => key.keysym !== ESCAPE));
    for (let n = 0; n < 12; n += 1) {
      await page.keyboard.press('Tab');
      if (await page.evaluate(() => document.activeElement.tagName === 'CANVAS')) return;
    }
    assert.fail('the screen cannot be reached with Tab');
  });

  it('can have its single letters switched off', async () => {
    const { page } = await finished();
    await page.uncheck('#letters');
    await page.keyboard.press('t');
    assert.ok(!mock.requests.includes('POST /api/takeover'));
    await page.keyboard.press('Control+Alt+Shift+KeyT');
    await granted(page);
  });
});

describe('inspect', () => {
  it('lists the ways to name an element, tells the page around, and highlights', async () => {
    const opened = await control();
    const { page } = opened;
    await page.evaluate(() => document.addEventListener('handback:inspectnode', (event) => (window.heard = event.detail)));
    await page.keyboard.press('Control+Alt+Shift+KeyI');
    await state(page, 'inspect');
    assert.deepEqual(mock.controlLog.at(-1), { type: 'highlight', action: 'inspect', enabled: true });
    mock.tell({ type: 'inspectNode', backendNodeId: 12, frame: 'F', name: 'button "Pay now"', candidates: CANDIDATES });
    await page.waitForSelector('.cand');
    assert.deepEqual(await page.locator('.cand code').allTextContents(), CANDIDATES.map((each) => each.value));
    assert.deepEqual(await page.locator('.cand .matches').allTextContents(), ['1 match', '1 match', '1 match', '2 matches']);
    assert.equal((await page.evaluate(() => window.heard)).backendNodeId, 12);
    await page.hover('.cand:nth-child(2)');
    await until('the highlight', () => mock.controlLog.some((message) => message.action === 'node' && message.backendNodeId === 12));
    await page.hover('#name');
    await until('no highlight', () => mock.controlLog.at(-1).action === 'hide');
    await opened.context.grantPermissions(['clipboard-write'], { origin: mock.origin }).catch(() => {});
    await page.click('.cand:nth-child(1) button');
    await page.waitForFunction(() => document.querySelector('.cand button').textContent === 'Copied');
    await page.keyboard.press('Escape');
    await state(page, 'control');
    assert.ok(mock.controlLog.some((message) => message.action === 'inspect' && message.enabled === false));
    assert.ok(keys().every((key) => key.keysym !== ESCAPE), 'the Escape that ends it stays here');
    await clean(opened);
  });
});

describe('looking back', () => {
  it('has the failed step open, its picture on the stage, and a way back to live', async () => {
    const opened = await finished();
    const { page } = opened;
    assert.deepEqual(await page.locator('#panel-steps h2 .name').allTextContents(),
      ['Case 1: Guest checkout', 'Case 2: Search', 'Case 3: Pay by card'], 'a name has its number once');
    assert.equal(await page.textContent('.step.bad .why'), FAILED_WHY);
    await page.click('.step.bad > button');
    await page.waitForFunction(() => document.querySelector('#shot').naturalWidth > 0 && !document.querySelector('#shot').hidden);
    assert.match(await sentence(page), /Looking back.*Thank you/);
    await page.click('#live');
    await page.waitForSelector('#shot', { state: 'hidden' });
    assert.equal(mock.rfb.handshakes, 1);
    await clean(opened);
  });

  it('plays the recording on the stage and seeks to a step', async () => {
    const opened = await finished();
    const { page } = opened;
    await page.click('#tab-video');
    await page.click('#panel-video .primary');
    await page.waitForFunction(() => document.querySelector('#video').currentTime > 0);
    await page.click('#tab-steps');
    await page.click('.case:nth-child(2) .step:nth-child(1) > button');
    await page.waitForFunction(() => document.querySelector('#video').currentTime >= 1.8);
    await page.click('#live');
    await page.waitForFunction(() => document.querySelector('#video').paused);
    await clean(opened);
  });

  it('shows checks with their evidence', async () => {
    const { page } = await finished();
    await page.click('#tab-checks');
    assert.equal(await page.locator('.check').count(), 3);
    assert.match(await page.textContent('.check.bad'), /failed.*did not appear/s);
  });
});

describe('losses', () => {
  it('keeps the last picture while the connection is away, and gets the same seat back', async () => {
    const { page } = await finished();
    await until('presence', () => mock.requests.includes('POST /api/presence'));
    await mock.cut();
    await state(page, 'lost');
    assert.match(await page.textContent('#last'), /Last picture, \d\d:\d\d:\d\d/);
    assert.ok(await page.isVisible('#still'));
    await mock.mend();
    await state(page, 'finished');
    await until('a new picture', () => mock.rfb.handshakes === 2);
    await page.waitForFunction(() => document.querySelector('#still').hidden);
    assert.equal(mock.seats.size, 1);
    assert.equal(mock.lastEventId, mock.events.length, 'events go on where they stopped');
    assert.equal(await page.locator('.step').count(), CASES.reduce((sum, one) => sum + one.steps.length, 0));
  });

  it('follows the epoch of a gate that was started again, and stays in control', async () => {
    const opened = await control();
    const { page } = opened;
    const { epoch } = mock.state.lease;
    await mock.cut();
    await state(page, 'lost');
    mock.state.lease.epoch = epoch + 2;
    await mock.mend();
    await until('the control connection', () => mock.control !== null);
    await granted(page);
    // Told before the grant and heard after it: it is about an epoch that is over.
    const { lease } = mock.state;
    mock.push((now) => { now.lease = { ...lease, owner: 'none', epoch: epoch + 1, holder: null }; });
    mock.push((now) => { now.lease = lease; });
    await until('a new picture', () => mock.rfb.handshakes === 2);
    await granted(page);
    await page.click('#picture canvas');
    await page.keyboard.press('k');
    await until('the key', () => keys().length === 2);
    assert.equal(mock.seats.size, 1, 'another seat');
    // And what is of its own epoch or a later one counts.
    mock.push((now) => { now.lease = { ...lease, epoch: epoch + 3, holder: { name: 'ada', seat: 's9' } }; });
    await page.waitForFunction(() => document.querySelector('#picture canvas')?.getAttribute('role') !== 'application');
  });

  it('says when its seat has ended', async () => {
    const { page } = await finished();
    await mock.cut();
    mock.seats.clear();
    await mock.mend();
    await state(page, 'refused');
    assert.match(await page.textContent('#door'), /seat here has ended/);
  });

  it('keeps the last picture of a browser that was closed, and says why', async () => {
    const opened = await control();
    mock.end();
    await state(opened.page, 'ended');
    await opened.page.waitForSelector('#last:not([hidden])');
    assert.match(await sentence(opened.page), /Nobody was there for 15 minutes/);
    assert.ok(await opened.page.isHidden('#take'));
    assert.deepEqual(opened.problems, []);
    await mock.cut();
    await new Promise((resolve) => setTimeout(resolve, 800));
    assert.equal(await opened.page.getAttribute('body', 'data-state'), 'ended', 'closed stays closed');
  });
});

describe('for everybody', () => {
  async function axe(page, what) {
    // The page's policy lets no foreign script in: it comes through the debugger.
    const session = await page.context().newCDPSession(page);
    await session.send('Runtime.evaluate', { expression: AXE });
    const violations = await page.evaluate(async () => {
      const found = await window.axe.run(document, { resultTypes: ['violations'] });
      return found.violations.map((each) => `${each.id}: ${each.nodes.map((node) => `${node.target} ${node.failureSummary}`).join(' | ')}`);
    });
    assert.deepEqual(violations, [], what);
  }

  for (const colorScheme of ['light', 'dark']) {
    it(`has no axe violation in any state, ${colorScheme}`, async () => {
      await start();
      tellRun(mock, { stopInLast: true });
      const { page } = await visit(mock.address(), { colorScheme });
      await page.waitForSelector('.step .now');
      await axe(page, 'watching');
      mock.events.length = 0;
      mock.event('report', {}, null);
      await page.click('#stop');
      await axe(page, 'stop dialog');
      await page.keyboard.press('Escape');
      mock.finish();
      await state(page, 'finished');
      await page.hover('#over');
      await axe(page, 'finished');
      await page.click('#take-here');
      await granted(page);
      await axe(page, 'control');
      await page.click('#release');
      await axe(page, 'release dialog');
      await page.keyboard.press('Escape');
      await page.click('#paste');
      await axe(page, 'paste dialog');
      await page.keyboard.press('Escape');
      await page.click('#inspect');
      mock.tell({ type: 'inspectNode', backendNodeId: 12, frame: 'F', name: 'button "Pay now"', candidates: CANDIDATES });
      await page.waitForSelector('.cand');
      await axe(page, 'inspect');
      mock.revoke('deadline');
      await state(page, 'finished');
      await page.click('#tab-checks');
      await axe(page, 'checks');
      await page.click('#tab-video');
      await page.click('#panel-video .primary');
      await axe(page, 'video');
      await page.click('#tab-steps');
      await page.click('#live');
      mock.end();
      await state(page, 'ended');
      await page.waitForSelector('#last:not([hidden])');
      await axe(page, 'ended');
      const { page: door } = await visit(`${mock.origin}/`, { colorScheme });
      await state(door, 'refused');
      await axe(door, 'refused');
    });
  }

  for (const [width, height, what] of [[400, 800, '400 px'], [320, 256, '400 % zoom of 1280 × 1024']]) {
    it(`is usable at ${what}: nothing scrolls sideways, every control can be reached`, async () => {
      const { page } = await control({ viewport: { width, height } });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${wide} px too wide`);
      for (const id of ['release', 'stop', 'inspect', 'paste', 'tab-video']) {
        await page.locator(`#${id}`).scrollIntoViewIfNeeded();
        const box = await page.locator(`#${id}`).boundingBox();
        assert.ok(box.width >= 24 && box.height >= 24, `${id} is ${box.width} × ${box.height}`);
        assert.ok(box.x >= 0 && box.x + box.width <= width, `${id} is cut off`);
      }
    });
  }

  it('has targets of at least 24 px', async () => {
    const { page } = await finished();
    await page.click('#tab-video');
    const small = await page.evaluate(() => [...document.querySelectorAll('button, a, label.switch')].filter((each) => each.checkVisibility()).map((each) => ({ name: each.textContent, box: each.getBoundingClientRect() })).filter(({ box }) => box.height < 24 || box.width < 24).map(({ name }) => name));
    assert.deepEqual(small, []);
  });

  it('moves nothing when motion is not wanted', async () => {
    await start();
    tellRun(mock, { stopInLast: true });
    const { page } = await visit();
    await page.waitForSelector('.step .now');
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  });

  it('switches keeping', async () => {
    const { page } = await finished();
    await page.uncheck('#keep');
    await until('keep off', () => mock.state.keep.on === false);
  });
});
