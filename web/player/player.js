'use strict';
// The player: one run to look back at. Plain script, inlined into player.html with its data
// (README.md). Text of the run is set as text, never as HTML.
{
  const SPEEDS = [1, 2, 3, 5, 10];
  const KEYS = { 1: 1, 2: 2, 3: 3, 5: 5, 0: 10 };
  const data = JSON.parse(document.getElementById('run').textContent);
  const results = data.results || {};
  const scenarios = results.scenarios || [];
  const byId = (id) => document.getElementById(id);
  const video = byId('video');

  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  // Its number unless its name has one.
  function caseTitle(number, name = '') {
    return /^case\b/i.test(name) ? name : `Case ${number}: ${name}`;
  }

  function sign(state, word) {
    const glyph = make('span', '', { ok: '✓', no: '✕', skip: '–', wait: '○' }[state]);
    glyph.setAttribute('aria-hidden', 'true');
    return make('span', { ok: 'ok', no: 'no' }[state] || 'soft', glyph, make('span', 'sr', word));
  }

  function clock(ms) {
    const all = Math.floor(Math.max(0, ms) / 1000);
    const two = (n) => String(n).padStart(2, '0');
    return all >= 3600 ? `${Math.floor(all / 3600)}:${two(Math.floor((all % 3600) / 60))}:${two(all % 60)}` : `${Math.floor(all / 60)}:${two(all % 60)}`;
  }

  function span(ms) {
    return ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(Math.round(ms / 1000) / 60)} min ${Math.round(ms / 1000) % 60} s`;
  }

  // What happened: steps in order, each with its place in the video

  const assertions = scenarios.map((one) => new Map((one.assertions || []).map((each) => [String(each.id), each])));
  const steps = [];
  scenarios.forEach((one, index) => {
    (one.steps || []).forEach((step, position) => {
      const unmet = (one.assertions || []).find((each) => String(each.step) === String(step.id) && each.passed === false);
      const error = step.error && typeof step.error === 'object' ? step.error.message : step.error;
      const bad = step.status === 'failed' || unmet !== undefined;
      steps.push({
        scenario: index, id: String(step.id), number: Number(step.id) || position + 1, bad, status: step.status, ms: step.duration_ms,
        text: step.description || step.action || step.tool || '',
        why: bad ? (unmet && unmet.evidence) || error || (step.code || '').replaceAll('_', ' ') : null,
        picture: (step.screenshot && data.screenshots && data.screenshots[step.screenshot]) || null,
        at: null,
      });
    });
  });

  const chapters = [...(data.chapters || [])].sort((a, b) => a.t_ms - b.t_ms);
  const cases = [];
  const gaps = [];
  {
    let scenario = 0;
    for (const chapter of chapters) {
      if (chapter.kind === 'scenario') {
        scenario = Number.parseInt(chapter.id, 10) || 0;
        const one = scenarios[scenario];
        cases.push({ at: chapter.t_ms, number: scenario + 1, title: chapter.title || (one && one.name) || '', bad: chapter.status === 'failed' || (one && one.verdict !== null && one.verdict !== 'passed' && one.verdict !== 'skipped') });
      } else if (chapter.kind === 'gap') {
        gaps.push({ at: chapter.t_ms, length: chapter.length_ms || 0 });
      } else {
        const step = steps.find((each) => each.at === null && each.scenario === scenario && each.id === String(chapter.id));
        if (step) step.at = chapter.t_ms;
      }
    }
  }
  const marks = steps.filter((step) => step.at !== null);
  const worst = steps.find((step) => step.bad) || null;

  // Header

  {
    const name = data.name || results.name || results.run_id || 'Run';
    document.title = `${name} · Handback`;
    byId('name').textContent = name;
    byId('url').textContent = results.url || '';
    byId('url').title = results.url || '';
    const words = { passed: 'Passed', failed: 'Failed', errored: 'Errored', aborted: 'Aborted', cancelled: 'Cancelled' };
    const state = results.verdict === 'passed' ? 'ok' : results.verdict === 'cancelled' || !results.verdict ? 'skip' : 'no';
    byId('verdict').append(make('span', state === 'skip' ? 'soft' : state, sign(state, ''), ` ${words[results.verdict] || 'Not finished'}`));
    if (results.reason) byId('verdict').title = String(results.reason).replaceAll('_', ' ');
    const counts = results.counts || {};
    byId('counts').textContent = counts.total ? `${counts.passed || 0} of ${counts.total}` : '';
    byId('duration').textContent = typeof results.duration_ms === 'number' ? span(results.duration_ms) : '';
  }

  // Side: steps and checks

  const rows = new Map();
  {
    const panel = byId('panel-steps');
    if (scenarios.length === 0) panel.append(make('p', 'empty', (results.error && results.error.message) || 'The run had no steps.'));
    scenarios.forEach((one, index) => {
      const took = typeof one.duration_ms === 'number' ? ` ${span(one.duration_ms)}` : '';
      const state = make('span', 'state');
      if (one.verdict === 'passed') state.append(sign('ok', 'Passed'), took);
      else if (one.verdict === 'skipped' || one.verdict === 'cancelled') state.append(one.verdict);
      else if (one.verdict) state.append(make('span', 'no', sign('no', one.verdict), took));
      else state.append('not finished');
      const list = make('ol', 'steps');
      const mine = steps.filter((step) => step.scenario === index);
      for (const step of mine) list.append(row(step));
      const section = make('section', 'case', make('h2', '', make('span', 'name', caseTitle(index + 1, one.name)), state), list);
      const reasons = (one.reasons || []).map((reason) => String(reason).replaceAll('_', ' ')).join(', ');
      if (reasons && !mine.some((step) => step.bad)) section.append(make('p', 'no', reasons));
      panel.append(section);
    });
    for (const gap of gaps) {
      const after = marks.filter((step) => step.at < gap.at).at(-1);
      const note = make('li', 'gap-note', gapWords(gap));
      if (after) rows.get(after).after(note);
    }
  }

  function gapWords(gap) {
    return `${gap.length < 60000 ? `${Math.round(gap.length / 1000)} s` : span(gap.length)} in a person's hands`;
  }

  function row(step) {
    const button = make('button', '', step.bad ? sign('no', 'Failed:') : step.status === 'skipped' ? sign('skip', 'Skipped:') : step.status === 'running' ? sign('skip', 'Cut short:') : sign('ok', 'Done:'), make('span', 'text', step.text), make('span', 't', typeof step.ms === 'number' ? (step.ms / 1000).toFixed(1) : ''));
    button.type = 'button';
    button.addEventListener('click', () => choose(step));
    const item = make('li', `step${step.bad ? ' bad' : ''}${step.status === 'skipped' ? ' skip' : ''}`, button);
    if (step.bad && step.why) item.append(make('p', 'why', step.why));
    if (step.bad && step.picture) {
      const image = make('img');
      image.alt = '';
      image.src = step.picture;
      const shot = make('button', 'shot', image);
      shot.type = 'button';
      shot.setAttribute('aria-label', `Show the picture of step ${step.number}`);
      shot.addEventListener('click', () => showPicture(step));
      item.append(shot);
    }
    rows.set(step, item);
    return item;
  }

  {
    const panel = byId('panel-checks');
    let count = 0;
    scenarios.forEach((one, index) => {
      const checks = one.checks || [];
      if (checks.length === 0) return;
      count += checks.length;
      const list = make('ul', 'checks');
      for (const check of checks) {
        const told = (check.assertions || []).map((id) => assertions[index].get(String(id))).filter(Boolean);
        const decisive = told.find((each) => each.passed === false) || told.at(-1);
        const bad = check.status !== 'passed';
        const item = make('li', `check${bad ? ' bad' : ''}`, bad ? sign('no', 'Failed:') : sign('ok', 'Passed:'), make('span', '', check.text || ''), make('span', 'meta', check.status === 'uncovered' ? 'not checked' : check.status || ''));
        if (decisive && decisive.evidence) item.append(make('span', 'why', decisive.evidence));
        if (!bad && decisive && decisive.verified === false) item.append(make('span', 'why', 'Claimed by the model; the runner could not verify it.'));
        list.append(item);
      }
      panel.append(make('section', 'case', make('h2', '', make('span', 'name', caseTitle(index + 1, one.name))), list));
    });
    if (count === 0) panel.append(make('p', 'empty', 'The plan has no checks.'));
    byId('checks-count').textContent = count || '';
  }

  const tabs = ['steps', 'checks'];
  function select(tab) {
    for (const each of tabs) {
      byId(`tab-${each}`).setAttribute('aria-selected', String(each === tab));
      byId(`tab-${each}`).tabIndex = each === tab ? 0 : -1;
      byId(`panel-${each}`).hidden = each !== tab;
    }
  }
  tabs.forEach((tab, index) => {
    byId(`tab-${tab}`).addEventListener('click', () => select(tab));
    byId(`tab-${tab}`).addEventListener('keydown', (event) => {
      if (event.key !== 'ArrowRight' && event.key !== 'ArrowLeft') return;
      event.preventDefault();
      const to = tabs[(index + 1) % tabs.length];
      select(to);
      byId(`tab-${to}`).focus();
    });
  });

  // Stage

  let shown = null;
  /** Whether the stage has a recording to play; false from the start, or if it does not load. */
  let plays = typeof data.video === 'string';

  function mark(step) {
    if (shown === step) return;
    if (shown) {
      rows.get(shown).classList.remove('shown');
      rows.get(shown).firstElementChild.removeAttribute('aria-current');
    }
    shown = step;
    if (!step) return;
    rows.get(step).classList.add('shown');
    rows.get(step).firstElementChild.setAttribute('aria-current', 'true');
    const panel = byId('panel-steps');
    if (panel.scrollHeight > panel.clientHeight) rows.get(step).scrollIntoView({ block: 'nearest' });
  }

  function say(strong, rest) {
    byId('say').replaceChildren(make('strong', '', strong), rest ? ` ${rest}` : '');
  }

  function label(step) {
    return `Case ${step.scenario + 1}, step ${step.number}: ${step.text}`;
  }

  function showPicture(step) {
    mark(step);
    byId('shot').hidden = step.picture === null;
    byId('blank').hidden = step.picture !== null;
    byId('blank').textContent = step.picture === null ? 'No picture was kept of this step.' : '';
    if (step.picture) {
      byId('shot').src = step.picture;
      byId('shot').alt = `Picture of the page. ${label(step)}`;
    }
    say(step.bad ? 'Failed.' : 'Picture.', label(step));
    if (plays) {
      video.pause();
      if (step.at !== null) seek(step.at);
      byId('back').hidden = false;
    }
  }

  function showVideo() {
    byId('shot').hidden = true;
    byId('blank').hidden = true;
    byId('back').hidden = true;
  }

  function choose(step) {
    if (!plays || step.at === null) {
      showPicture(step);
      return;
    }
    showVideo();
    seek(step.at);
    mark(step);
  }

  // Timeline. A pause in the recording has no length in the video: on the line it has its own.

  const paused = gaps.reduce((sum, gap) => sum + gap.length, 0);
  function length() {
    const last = chapters.reduce((most, chapter) => Math.max(most, chapter.t_ms), 0);
    return Number.isFinite(video.duration) ? video.duration * 1000 : Math.max(last, 1000);
  }
  function toLine(ms) {
    // What begins where the pause is begins after it.
    return ms + gaps.reduce((sum, gap) => (gap.at <= ms ? sum + gap.length : sum), 0);
  }
  const startOnLine = (gap) => toLine(gap.at) - gap.length;
  function toVideo(line) {
    let ms = line;
    for (const gap of gaps) {
      if (ms <= gap.at) break;
      ms = Math.max(gap.at, ms - gap.length);
    }
    return ms;
  }
  const percent = (line) => `${(100 * Math.min(1, line / (length() + paused))).toFixed(3)}%`;

  const track = byId('track');
  const played = make('span', 'done');
  const head = make('span', 'head');

  function drawLine() {
    const spans = byId('spans');
    spans.replaceChildren();
    cases.forEach((one, index) => {
      const end = index + 1 < cases.length ? toLine(cases[index + 1].at) : length() + paused;
      const title = caseTitle(one.number, one.title);
      // The line has no room for the word.
      const box = make('span', one.bad ? 'bad' : '', `${one.bad ? '✕ ' : ''}${title.replace(/^case /i, '')}`);
      box.title = title;
      box.style.left = percent(toLine(one.at));
      box.style.width = percent(end - toLine(one.at));
      spans.append(box);
    });
    track.replaceChildren(played);
    for (const gap of gaps) {
      const box = make('span', 'gap', make('span', '', gapWords(gap)));
      box.title = gapWords(gap);
      box.style.left = percent(startOnLine(gap));
      box.style.width = percent(gap.length);
      track.append(box);
      if (box.clientWidth > 0 && box.firstElementChild.scrollWidth + 8 > box.clientWidth) box.firstElementChild.remove();
    }
    for (const step of marks) {
      const tick = make('i', step.bad ? 'bad' : '');
      tick.style.left = percent(toLine(step.at));
      track.append(tick);
    }
    track.append(head);
    track.setAttribute('aria-valuemax', String(Math.round(length() / 1000)));
    drawPlace();
  }

  function now() {
    return wanted === null ? video.currentTime * 1000 : wanted;
  }

  function drawPlace() {
    const ms = now();
    played.style.width = percent(toLine(ms));
    head.style.left = percent(toLine(ms));
    byId('time').textContent = `${clock(ms)} / ${clock(length())}`;
    const step = marks.filter((each) => each.at <= ms + 1).at(-1) || null;
    track.setAttribute('aria-valuenow', String(Math.round(ms / 1000)));
    track.setAttribute('aria-valuetext', step ? `${clock(ms)}, ${label(step)}` : clock(ms));
    if (!byId('shot').hidden || !byId('blank').hidden) return;
    mark(step);
    say(step ? (step.bad ? 'Failed here.' : 'Recording.') : 'Recording.', step ? label(step) : '');
  }

  let wanted = null;
  function seek(ms) {
    const to = Math.max(0, Math.min(ms, length()));
    if (video.readyState === 0) wanted = to;
    else video.currentTime = to / 1000;
    drawPlace();
  }

  function toggle() {
    if (!plays) return;
    showVideo();
    if (!video.paused) video.pause();
    else video.play().catch(() => undefined);
  }

  function speed(rate) {
    video.defaultPlaybackRate = rate;
    video.playbackRate = rate;
    for (const button of byId('speeds').children) button.setAttribute('aria-pressed', String(Number(button.dataset.rate) === rate));
  }

  /** The chapter before or after; within half a second of its start, before means the one before. */
  function hop(direction) {
    if (!plays) {
      const at = steps.indexOf(shown) + direction;
      if (steps[at]) showPicture(steps[at]);
      return;
    }
    showVideo();
    const ms = now();
    const places = [...new Set(chapters.map((chapter) => chapter.t_ms))];
    const to = direction > 0 ? places.find((place) => place > ms + 1) : places.filter((place) => place < ms - 500).at(-1);
    if (to !== undefined) seek(to);
  }

  for (const rate of SPEEDS) {
    const button = make('button', '', `${rate}×`);
    button.type = 'button';
    button.dataset.rate = rate;
    button.addEventListener('click', () => speed(rate));
    byId('speeds').append(button);
  }
  byId('play').addEventListener('click', toggle);
  byId('back').addEventListener('click', () => {
    showVideo();
    drawPlace();
  });
  video.addEventListener('click', toggle);
  for (const type of ['play', 'pause', 'ended']) {
    video.addEventListener(type, () => (byId('play').textContent = video.paused ? 'Play' : 'Pause'));
  }
  video.addEventListener('timeupdate', drawPlace);
  video.addEventListener('seeked', drawPlace);
  video.addEventListener('durationchange', drawLine);
  video.addEventListener('loadedmetadata', () => {
    if (wanted !== null) video.currentTime = wanted / 1000;
    wanted = null;
    if (video.videoWidth > 0) {
      byId('screen').style.setProperty('--w', video.videoWidth);
      byId('screen').style.setProperty('--h', video.videoHeight);
    }
    drawLine();
  });
  video.addEventListener('error', report);
  addEventListener('resize', () => plays && drawLine());

  const tip = make('span', 'tip');
  tip.hidden = true;
  track.parentElement.append(tip);
  function lineAt(event) {
    const box = track.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * (length() + paused);
  }
  track.addEventListener('pointerdown', (event) => {
    track.setPointerCapture(event.pointerId);
    showVideo();
    seek(toVideo(lineAt(event)));
  });
  track.addEventListener('pointermove', (event) => {
    if (track.hasPointerCapture(event.pointerId)) seek(toVideo(lineAt(event)));
    const line = lineAt(event);
    const gap = gaps.find((each) => line >= startOnLine(each) && line < toLine(each.at));
    const step = marks.filter((each) => each.at <= toVideo(line)).at(-1);
    tip.textContent = gap ? gapWords(gap) : step ? `${clock(toVideo(line))} ${step.bad ? '✕ ' : ''}${step.text}` : clock(toVideo(line));
    tip.hidden = false;
    const box = track.getBoundingClientRect();
    tip.style.left = `${Math.max(0, Math.min(event.clientX - box.left - tip.offsetWidth / 2, box.width - tip.offsetWidth))}px`;
  });
  track.addEventListener('pointerleave', () => (tip.hidden = true));

  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    const { target } = event;
    if (target.getAttribute && target.getAttribute('role') === 'tab' && event.key.startsWith('Arrow')) return;
    if (event.key === ' ') {
      // A button that the keyboard is on keeps its own meaning.
      if (target.tagName === 'BUTTON' && target.matches(':focus-visible')) return;
      toggle();
    } else if (event.key === 'ArrowLeft' && plays) seekBy(-5000);
    else if (event.key === 'ArrowRight' && plays) seekBy(5000);
    else if (event.key === 'ArrowUp') hop(-1);
    else if (event.key === 'ArrowDown') hop(1);
    else if (plays && Object.hasOwn(KEYS, event.key)) speed(KEYS[event.key]);
    else return;
    event.preventDefault();
  });
  function seekBy(ms) {
    showVideo();
    seek(now() + ms);
  }

  // Without a recording it is a report: the pictures of the steps on the stage.
  function report() {
    plays = false;
    video.hidden = true;
    byId('deck').hidden = true;
    const viewport = results.viewport;
    if (viewport && viewport.width > 0 && viewport.height > 0) {
      byId('screen').style.setProperty('--w', viewport.width);
      byId('screen').style.setProperty('--h', viewport.height);
    }
    const first = worst || steps.find((step) => step.picture) || steps[0];
    if (first) showPicture(first);
    else {
      byId('blank').hidden = false;
      byId('blank').textContent = 'There is nothing to show: the run had no steps.';
    }
    const why = results.video && results.video.reason;
    if (!first || !first.bad) say('Report.', why ? `There is no recording: ${why}` : 'There is no recording of this run.');
  }

  if (plays) {
    video.hidden = false;
    byId('deck').hidden = false;
    speed(5);
    video.src = data.video;
    if (worst && worst.at !== null) seek(worst.at);
    drawLine();
  } else {
    report();
  }
}
