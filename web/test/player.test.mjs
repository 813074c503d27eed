import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createRequire } from 'node:module';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Mock } from './mock.mjs';
import { launch, open } from './chromium.mjs';
import { jpeg, recording } from './media.mjs';
import { chaptersOf, playerFile } from './player-file.mjs';
import { CASES, FAILED_WHY, HOSTILE, results } from './scene.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PASSING = CASES.slice(0, 2);
const SECONDS = 14;

let browser, folder, video, shot;

before(async () => {
  browser = await launch();
  folder = mkdtempSync(join(tmpdir(), 'handback-player-'));
  video = recording(SECONDS);
  shot = `data:image/jpeg;base64,${jpeg().toString('base64')}`;
  writeFileSync(join(folder, 'video.webm'), video);
});
after(async () => {
  await browser.close();
  rmSync(folder, { recursive: true });
});

function data({ cases = CASES, withVideo = true } = {}) {
  const all = results(new Mock(), cases);
  const screenshots = {};
  for (const one of all.scenarios) for (const step of one.steps) screenshots[step.screenshot] = shot;
  return { name: 'checkout-pr-42', results: all, chapters: chaptersOf(all), screenshots, video: withVideo ? 'video.webm' : null };
}

/** Opens it from disk, as somebody does who downloaded a run. */
async function player(content, options = {}) {
  const path = join(folder, 'player.html');
  writeFileSync(path, playerFile(content));
  return opened(pathToFileURL(path).href, options);
}

async function opened(address, options = {}) {
  const all = await open(browser, address, options);
  return { ...all, done: () => all.context.close() };
}

const at = (page) => page.evaluate(() => document.querySelector('#video').currentTime);
const loaded = (page) => page.waitForFunction(() => document.querySelector('#video').readyState >= 1 && !document.querySelector('#video').seeking);

async function clean({ page, problems }) {
  assert.deepEqual(problems, []);
  assert.deepEqual(await page.evaluate(() => window.violations), []);
}

describe('player', () => {
  it('opens paused at the first failure, at 5×, muted', async () => {
    const content = data();
    const { page, problems, done } = await player(content);
    await loaded(page);
    const failed = content.chapters.find((chapter) => chapter.status === 'failed' && chapter.kind === 'step');
    assert.ok(Math.abs((await at(page)) * 1000 - failed.t_ms) < 50);
    const how = await page.evaluate(() => { const v = document.querySelector('#video'); return [v.paused, v.muted, v.playbackRate]; });
    assert.deepEqual(how, [true, true, 5]);
    assert.equal(await page.textContent('#speeds [aria-pressed="true"]'), '5×');
    assert.match(await page.textContent('#say'), /Failed here.*Thank you/);
    await clean({ page, problems });
    await done();
  });

  it('opens at the start if nothing failed', async () => {
    const { page, done } = await player(data({ cases: PASSING }));
    await loaded(page);
    assert.equal(await at(page), 0);
    assert.match(await page.textContent('.top'), /Passed.*2 of 2/s);
    await done();
  });

  it('obeys its keys', async () => {
    const { page, done } = await player(data({ cases: PASSING }));
    await loaded(page);
    await page.keyboard.press('ArrowRight');
    await page.waitForFunction(() => Math.abs(document.querySelector('#video').currentTime - 5) < 0.05);
    await page.keyboard.press('ArrowLeft');
    await page.waitForFunction(() => document.querySelector('#video').currentTime === 0);
    await page.keyboard.press('ArrowDown');
    await page.waitForFunction(() => Math.abs(document.querySelector('#video').currentTime - 1.2) < 0.05);
    await page.keyboard.press('ArrowUp');
    await page.waitForFunction(() => document.querySelector('#video').currentTime === 0);
    for (const [key, rate] of [['1', 1], ['2', 2], ['3', 3], ['5', 5], ['0', 10]]) {
      await page.keyboard.press(key);
      assert.equal(await page.evaluate(() => document.querySelector('#video').playbackRate), rate);
    }
    await page.keyboard.press('1');
    await page.keyboard.press(' ');
    await page.waitForFunction(() => document.querySelector('#video').currentTime > 0.1);
    await page.keyboard.press(' ');
    await page.waitForFunction(() => document.querySelector('#video').paused);
    assert.match(await page.textContent('.hints'), /Space.*←.*→.*↑.*↓.*1 2 3 5.*0 10×/s);
    await done();
  });

  it('marks steps, cases and the time in a person\'s hands on the line, and seeks by it', async () => {
    const { page, done } = await player(data());
    await loaded(page);
    await page.waitForFunction(() => Number.isFinite(document.querySelector('#video').duration));
    const count = CASES.reduce((sum, one) => sum + one.steps.length, 0);
    assert.equal(await page.locator('#track i').count(), count);
    assert.equal(await page.locator('#track i.bad').count(), 1);
    assert.deepEqual(await page.locator('#spans span').allTextContents(), ['1: Guest checkout', '2: Search', '✕ 3: Pay by card']);
    const names = await page.locator('#panel-steps .case .name').allTextContents();
    assert.deepEqual(names, ['Case 1: Guest checkout', 'Case 2: Search', 'Case 3: Pay by card'], 'a name has its number once');
    assert.match(await page.textContent('#track .gap'), /14 s in a person's hands/);
    const box = await page.locator('#track').boundingBox();
    const gap = await page.locator('#track .gap').boundingBox();
    assert.ok(gap.width > box.width * 0.4, 'the pause has its own length on the line');
    await page.mouse.click(box.x + box.width * 0.25, box.y + 10);
    await page.waitForFunction((seconds) => Math.abs(document.querySelector('#video').currentTime - seconds) < 0.3, 0.25 * (SECONDS + 14));
    await page.mouse.click(gap.x + gap.width / 2, gap.y + 10);
    const before = data().chapters.find((chapter) => chapter.kind === 'gap').t_ms / 1000;
    await page.waitForFunction((seconds) => Math.abs(document.querySelector('#video').currentTime - seconds) < 0.1, before);
    await done();
  });

  it('seeks to a clicked step, and shows the picture of a failed one', async () => {
    const { page, done } = await player(data());
    await loaded(page);
    await page.click('.case:nth-child(1) .step:nth-child(2) > button');
    await page.waitForFunction(() => Math.abs(document.querySelector('#video').currentTime - 1.2) < 0.05);
    assert.equal(await page.textContent('.step.bad .why'), FAILED_WHY);
    await page.click('.step.bad .shot');
    await page.waitForFunction(() => !document.querySelector('#shot').hidden && document.querySelector('#shot').naturalWidth > 0);
    await page.click('#back');
    assert.ok(await page.isHidden('#shot'));
    await done();
  });

  it('is a report without a recording: steps, checks and pictures', async () => {
    const { page, problems, done } = await player(data({ withVideo: false }));
    await page.waitForFunction(() => document.querySelector('#shot').naturalWidth > 0);
    assert.ok(await page.isHidden('#deck'));
    assert.match(await page.textContent('#say'), /Failed.*Thank you/);
    await page.keyboard.press('ArrowUp');
    assert.match(await page.textContent('#say'), /Pay now/);
    await page.click('#tab-checks');
    assert.match(await page.textContent('.check.bad'), /did not appear/);
    await clean({ page, problems });
    await done();
  });

  it('becomes the report if the recording beside it is gone', async () => {
    const { page, done } = await player({ ...data(), video: 'gone.webm' });
    await page.waitForFunction(() => document.querySelector('#deck').hidden);
    assert.match(await page.textContent('#say'), /Failed/);
    await done();
  });

  it('keeps text of the run as text', async () => {
    const content = data({ cases: [{ name: HOSTILE, steps: [[`Verify ${HOSTILE}`, 10]], verdict: 'failed', ms: 10 }] });
    content.name = HOSTILE;
    content.results.url = HOSTILE;
    content.results.scenarios[0].assertions[0].evidence = `${HOSTILE}/*HANDBACK:JS*/`;
    const { page, problems, done } = await player(content);
    await loaded(page);
    assert.equal(await page.evaluate(() => window.hurt), undefined);
    assert.equal(await page.locator('b, img[src="x"]').count(), 0);
    assert.equal(await page.textContent('#name'), HOSTILE);
    assert.match(await page.textContent('.step.bad .text'), /<\/script><img/);
    await clean({ page, problems });
    await done();
  });

  it('works over HTTP with the headers of the gate', async () => {
    const mock = new Mock({ files: { 'video.webm': video } });
    mock.files['player.html'] = Buffer.from(playerFile(data()));
    await mock.listen();
    const all = await opened(mock.address('ada', `/runs/${mock.state.run.id}/player.html`));
    await all.page.waitForURL(/player\.html/);
    await loaded(all.page);
    assert.ok((await at(all.page)) > 0);
    assert.deepEqual(await all.page.evaluate(() => window.violations), []);
    assert.deepEqual(all.problems, []);
    await all.done();
    await mock.close();
  });

  it('runs no script that is not its own', async () => {
    const path = join(folder, 'patched.html');
    writeFileSync(path, playerFile(data()).replace('</body>', '<script>window.hurt = 1</script></body>'));
    const { page, done } = await opened(pathToFileURL(path).href);
    await loaded(page);
    assert.equal(await page.evaluate(() => window.hurt), undefined);
    await done();
  });

  for (const colorScheme of ['light', 'dark']) {
    it(`has no axe violation, ${colorScheme}`, async () => {
      for (const withVideo of [true, false]) {
        const { page, context, done } = await player(data({ withVideo }), { colorScheme });
        if (withVideo) await loaded(page);
        const session = await context.newCDPSession(page);
        await session.send('Runtime.evaluate', { expression: AXE });
        for (const tab of ['checks', 'steps']) {
          await page.click(`#tab-${tab}`);
          const violations = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ['violations'] })).violations.map((each) => `${each.id}: ${each.nodes.map((node) => `${node.target} ${node.failureSummary}`).join(' | ')}`));
          assert.deepEqual(violations, []);
        }
        await done();
      }
    });
  }

  for (const [width, height] of [[400, 800], [320, 256]]) {
    it(`does not scroll sideways at ${width} px`, async () => {
      const { page, done } = await player(data(), { viewport: { width, height } });
      await loaded(page);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)) <= 0);
      await done();
    });
  }
});
