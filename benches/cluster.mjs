// What a run costs in a cluster, as Markdown: time from `kubectl apply` to the first action, the verdict
// and the last byte in S3; writes to the API server, from its audit log; memory of operator, gate and
// agent.
//
//   tests/cluster/in node benches/cluster.mjs [--runs 5] [--crowd 1000]
//
// Stands on a test cluster with the images in it (`make bench-cluster`). It installs the chart, and takes
// it away again.

import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';

const execute = promisify(execFile);
const root = new URL('..', import.meta.url).pathname;
const audit = `/var/lib/handback-cluster/${process.env.HANDBACK_CLUSTER ?? 'default'}/log/audit.log`;
const [SYSTEM, SPACE, NODE] = ['handback-system', 'bench', '192.0.2.10'];
const KEYS = { accessKeyID: 'AKIDOFABENCH', secretAccessKey: 'secretofabenchsecretofabench' };

const { values: options } = parseArgs({
  options: { runs: { type: 'string', default: '5' }, crowd: { type: 'string', default: '1000' } },
});

async function kubectl(words, input = null) {
  const child = execFile('kubectl', words, { maxBuffer: 64 << 20 });
  const text = new Promise((resolve, reject) => {
    let [out, err] = ['', ''];
    child.stdout.on('data', (data) => { out += data; });
    child.stderr.on('data', (data) => { err += data; });
    child.on('exit', (code) => (code === 0 ? resolve(out) : reject(new Error(`kubectl ${words.join(' ')}: ${err}`))));
  });
  child.stdin.end(input ?? '');
  return text;
}

const get = async (...words) => JSON.parse(await kubectl(['get', '-n', SPACE, ...words, '-o', 'json']));
const apply = (object) => kubectl(['apply', '-n', SPACE, '-f', '-'], JSON.stringify(object));

async function until(what, ask) {
  const end = Date.now() + 300_000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Megabytes of a process's own memory, by the end of its command line. */
function memory(words) {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      if (!line.includes(words) || line.includes('node ')) continue;
      const size = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
      if (size) return Number(size) / 1024;
    } catch {
      // It has ended.
    }
  }
  return NaN;
}

const condition = (run, name) => run.status?.conditions?.find((one) => one.type === name)?.status === 'True';

async function install(replicas) {
  const images = 'image.repository=localhost/handback,image.tag=dev,browser.image.repository=localhost/handback-browser,browser.image.tag=dev';
  await execute('helm', ['upgrade', '--install', 'handback', join(root, 'charts/handback'), '-n', SYSTEM, '--create-namespace',
    '--wait', '--set', `${images},browser.seccompProfile=handback/browser.json,replicas=${replicas}`]);
}

function testRun(name, endpoint) {
  return {
    apiVersion: 'handback.dev/v1alpha1', kind: 'TestRun', metadata: { name },
    spec: {
      url: 'http://shop', plan: 'Open /\nVerify "Pine & Pebble" is visible\nClick the search box', driver: 'Direct',
      artifacts: { s3: { endpoint, bucket: 'runs', allowInsecure: true, credentialsSecretRef: { name: 's3' } } },
    },
  };
}

async function measureRuns(endpoint, files) {
  const spans = { 'first action': [], verdict: [], 'last byte in S3': [] };
  const writes = [];
  const sizes = {};
  for (let n = 0; n < Number(options.runs); n += 1) {
    const name = `run-${n}`;
    const began = Date.now();
    await apply(testRun(name, endpoint));
    await until('a running agent', async () => condition(await get('testrun', name), 'Running'));
    sizes.agent = memory('handback agent');
    const run = await until('files in S3', async () => {
      const now = await get('testrun', name);
      return condition(now, 'ArtifactsUploaded') && now;
    });
    sizes.gate = memory('handback gate');
    const place = run.status.artifacts.uri.replace('s3://', '');
    const events = readFileSync(join(files, place, 'events.ndjson'), 'utf8').trim().split('\n').map(JSON.parse);
    const first = events.find((event) => event.type === 'step');
    spans['first action'].push(Date.parse(first.ts) - began);
    spans.verdict.push(Date.parse(run.status.times.finished) - began);
    spans['last byte in S3'].push(Date.parse(run.status.times.uploaded) - began);
    const lines = readFileSync(audit, 'utf8').trim().split('\n').filter((line) => line.includes('handback-system:handback"')).map(JSON.parse);
    const wrote = lines.filter(({ verb, objectRef, requestReceivedTimestamp }) => ['create', 'update', 'patch', 'delete'].includes(verb)
      && ['testruns', 'pods'].includes(objectRef?.resource) && objectRef.subresource !== 'portforward'
      && objectRef.namespace === SPACE && Date.parse(requestReceivedTimestamp) >= began);
    // What comes after the last word on the files, the end of the pod's finalizer, is no part of it.
    writes.push(1 + wrote.findLastIndex(({ objectRef }) => objectRef.resource === 'testruns'));
    await kubectl(['delete', 'testrun', name, '-n', SPACE]);
    await until('the end of its pod', async () => (await get('pods', '-l', 'handback.dev/run')).items.length === 0);
  }
  const rows = Object.entries(spans).map(([what, values]) => `| kubectl apply to ${what} | ${(median(values) / 1000).toFixed(1)} s |`);
  rows.push(`| writes to the API server, to ArtifactsUploaded | ${median(writes)} |`);
  rows.push(`| memory (PSS) of gate, agent | ${sizes.gate?.toFixed(0)} MiB, ${sizes.agent?.toFixed(0)} MiB |`);
  return rows;
}

/** Runs that are over, without an operator that would set about them. */
async function crowd(from, to, proxy) {
  const names = Array.from({ length: to - from }, (_, n) => `crowd-${from + n}`);
  const path = `${proxy}/apis/handback.dev/v1alpha1/namespaces/${SPACE}/testruns`;
  const ask = async (method, where, body) => {
    const response = await fetch(where, { method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${where}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  const now = new Date().toISOString();
  for (const name of names) {
    const run = testRun(name, `http://${NODE}:9`);
    run.spec.plan = `${run.spec.plan}\n`.repeat(40);
    const made = await ask('POST', path, run);
    const conditions = ['Accepted', 'Finished', 'Succeeded', 'ArtifactsUploaded'].map((type) => (
      { type, status: 'True', reason: 'Passed', message: '', lastTransitionTime: now, observedGeneration: 1 }));
    made.status = { observedGeneration: 1, phase: 'Expired', verdict: 'Passed', reason: 'Passed', attempt: 1,
      times: { accepted: now, started: now, finished: now, uploaded: now }, conditions,
      artifacts: { uri: 's3://runs/x/', state: 'Complete', count: 10, bytes: 1 }, scenarios: { total: 1, passed: 1, failed: 0, summary: '1/1' } };
    await ask('PUT', `${path}/${name}/status`, made);
  }
}

async function measureMemory() {
  const rows = [];
  const proxy = spawn('kubectl', ['proxy', '--port=8765'], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await new Promise((resolve) => proxy.stdout.once('data', resolve));
    let there = 0;
    for (const count of [0, Math.round(Number(options.crowd) / 10), Number(options.crowd)]) {
      await kubectl(['scale', 'deployment/handback', '-n', SYSTEM, '--replicas=0']);
      await until('the end of the operator', async () => Number.isNaN(memory('handback operator')));
      await crowd(there, count, 'http://127.0.0.1:8765');
      there = count;
      await kubectl(['scale', 'deployment/handback', '-n', SYSTEM, '--replicas=1']);
      await kubectl(['rollout', 'status', 'deployment/handback', '-n', SYSTEM]);
      // What it takes to look at all of them once is part of it.
      await new Promise((resolve) => setTimeout(resolve, 15_000));
      rows.push(`| memory (PSS) of the operator with ${count} finished runs | ${memory('handback operator').toFixed(0)} MiB |`);
    }
  } finally {
    proxy.kill();
  }
  return rows;
}

const place = mkdtempSync(join(tmpdir(), 'handback-bench-'));
for (const name of ['data/runs', 'sidecar']) mkdirSync(join(place, name), { recursive: true });
const server = spawn('versitygw', ['--port', `${NODE}:7070`, 'posix', '--sidecar', join(place, 'sidecar'), join(place, 'data')],
  { env: { ...process.env, ROOT_ACCESS_KEY: KEYS.accessKeyID, ROOT_SECRET_KEY: KEYS.secretAccessKey }, stdio: 'ignore' });
try {
  await install(1);
  await kubectl(['create', 'namespace', SPACE]);
  await kubectl(['apply', '-n', SPACE, '-f', join(root, 'examples/kubernetes/shop.yaml')]);
  await kubectl(['rollout', 'status', '-n', SPACE, 'deployment/shop']);
  await apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's3' }, stringData: KEYS });
  console.log('| in a cluster of one node, images there | |\n|---|---|');
  for (const row of await measureRuns(`http://${NODE}:7070`, join(place, 'data'))) console.log(row);
  for (const row of await measureMemory()) console.log(row);
} finally {
  await kubectl(['delete', 'namespace', SPACE, '--wait=false']).catch(() => {});
  await execute('helm', ['uninstall', 'handback', '-n', SYSTEM]).catch(() => {});
  server.kill();
  rmSync(place, { recursive: true, force: true });
}
