// The chart on a real cluster, that of KUBECONFIG: every object is accepted, an upgrade keeps what must be
// kept, an uninstall takes what is its own and leaves nothing that cannot end.
//
// The cluster must have no handback: CRDs and the policy are there once. The images are localhost/handback:dev
// and localhost/handback-shop:dev.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { HELM, chart, objects, root, text } from './render.mjs';

const KUBECTL = process.env.HANDBACK_KUBECTL ?? 'kubectl';
const id = randomBytes(3).toString('hex');
const system = `chart-system-${id}`;
const team = `chart-team-${id}`;
const other = `chart-other-${id}`;
const nodes = `chart-nodes-${id}`;
const FINALIZER = 'handback.dev/artifacts';
const IMAGES = ['--set', 'image.repository=localhost/handback', '--set', 'image.tag=dev', '--set', 'browser.image.repository=localhost/handback-browser', '--set', 'browser.image.tag=dev', '--set', 'imagePullPolicy=Never'];

function run(program, args, input) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { input, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (error) throw error;
  return { status, stdout, stderr };
}

/** kubectl, which must succeed; what it printed. */
function kubectl(args, input) {
  const { status, stdout, stderr } = run(KUBECTL, args.split(' '), input);
  if (status !== 0) throw new Error(`kubectl ${args}: ${stderr}`);
  return stdout;
}

const get = (args) => JSON.parse(kubectl(`get ${args} -o json`));
const exists = (args) => run(KUBECTL, `get ${args}`.split(' ')).status === 0;
const apply = (object, args = '') => kubectl(`apply${args} -f -`, JSON.stringify(object));

function helm(...args) {
  const { status, stdout, stderr } = run(HELM, args);
  if (status !== 0) throw new Error(`helm ${args.join(' ')}: ${stderr}\n${state()}`);
  return stdout;
}

/** What a person would look at first when something does not come up. */
function state() {
  const all = [`get all -n ${system} -o wide`, `get events -n ${system}`, `logs -n ${system} -l app.kubernetes.io/name=handback --tail=20`];
  return all.map((args) => `$ kubectl ${args}\n${run(KUBECTL, args.split(' ')).stdout}`).join('\n');
}

/** Waits for a condition; looks every quarter of a second. */
async function until(what, holds, seconds = 30) {
  const deadline = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}\n${state()}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** A pod as the operator makes them, as far as an uninstall can tell. */
const pod = (name, namespace) => ({
  apiVersion: 'v1', kind: 'Pod',
  metadata: { name, namespace, finalizers: [FINALIZER], labels: { 'app.kubernetes.io/managed-by': 'handback', 'app.kubernetes.io/component': 'run', 'handback.dev/run': 'a', 'handback.dev/run-uid': 'u' } },
  spec: {
    automountServiceAccountToken: false, terminationGracePeriodSeconds: 1,
    securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [{ name: 'a', image: 'localhost/handback:dev', imagePullPolicy: 'Never', command: ['sleep', 'infinity'], securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }],
  },
});

// Suspended by what it waits for, so that the operator makes no pod of it.
const testRun = (name, namespace) => ({
  apiVersion: 'handback.dev/v1alpha1', kind: 'TestRun', metadata: { name, namespace },
  spec: { url: 'http://192.0.2.1:9', driver: 'Direct', plan: 'Verify "x" is visible', readiness: { timeoutSeconds: 3600 } },
});

before(() => {
  assert.ok(!exists('crd testruns.handback.dev'), 'this cluster has a handback: use one without, or uninstall it and delete its CRDs');
  for (const namespace of [system, team, other]) {
    apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } } });
  }
});

after(() => {
  run(HELM, ['uninstall', 'handback', '-n', system, '--no-hooks']);
  for (const namespace of [team, other]) {
    const pods = run(KUBECTL, ['get', 'pods', '-n', namespace, '-o', 'name']).stdout.split('\n').filter(Boolean);
    for (const name of pods) run(KUBECTL, ['patch', name, '-n', namespace, '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
  }
  run(KUBECTL, ['delete', 'namespace', system, team, other, nodes, '--wait=false', '--ignore-not-found']);
  run(KUBECTL, ['delete', 'crd', 'testruns.handback.dev', 'handoffs.handback.dev', '--ignore-not-found', '--timeout=60s']);
});

test('the API server takes every object that the chart can render', () => {
  for (const name of ['team-a', 'team-b', 'team-c']) kubectl(`create namespace ${name}`);
  kubectl('create namespace handback-system');
  try {
    for (const sets of [[], ['everything'], ['little']]) {
      // The Prometheus operator is not here; DaemonSets with hostPath are for namespaces that allow them.
      const yaml = text(...sets).split('\n---\n').filter((one) => !one.includes('kind: ServiceMonitor')).join('\n---\n');
      const said = run(KUBECTL, ['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', '-'], yaml);
      assert.equal(said.status, 0, said.stderr);
      assert.equal(said.stderr.split('\n').filter((line) => line.startsWith('Warning')).join('\n'), '');
    }
  } finally {
    kubectl('delete namespace team-a team-b team-c handback-system --wait=false');
  }
});

let key;

test('an install comes up in a restricted namespace, and says what to do next', async () => {
  const said = helm('install', 'handback', chart, '-n', system, ...IMAGES, '--set', 'replicas=2', '--wait', '--timeout', '2m');
  assert.match(said, /kubectl rollout status deployment\/handback/);
  assert.match(said, /handback take first -n default/);
  assert.match(said, /No namespace has the NetworkPolicy for run pods yet/);
  kubectl('wait --for=condition=Established crd/testruns.handback.dev crd/handoffs.handback.dev --timeout=30s');
  key = get(`secret handback-operator-key -n ${system}`).data['tls.key'];
  assert.ok(key);
  await until('one of two leads', () => exists(`lease handback-operator -n ${system}`) && get(`lease handback-operator -n ${system}`).spec.holderIdentity);
  const holder = get(`lease handback-operator -n ${system}`).spec.holderIdentity;
  const pods = get(`pods -n ${system} -l app.kubernetes.io/component=operator`).items.map(({ metadata }) => metadata.name);
  assert.ok(pods.includes(holder), `${holder} is none of ${pods}`);
});

test('it serves metrics behind its Service', async () => {
  const path = `/api/v1/namespaces/${system}/services/handback-metrics:http/proxy/metrics`;
  await until('metrics', () => run(KUBECTL, ['get', '--raw', path]).stdout.includes('handback_testruns{phase="Pending"}'));
});

test('the operator may do its work everywhere, and nothing beside it', () => {
  const can = (args) => run(KUBECTL, `auth can-i ${args} --as=system:serviceaccount:${system}:handback`.split(' ')).stdout.trim();
  for (const args of ['create pods', 'patch testruns.handback.dev --subresource=status', 'create pods --subresource=portforward', 'patch handoffs.handback.dev']) {
    assert.equal(can(`${args} -n ${team}`), 'yes', args);
  }
  for (const args of ['get secrets', 'create testruns.handback.dev', 'create pods --subresource=exec', 'create rolebindings.rbac.authorization.k8s.io', 'get nodes', 'update testruns.handback.dev --subresource=control']) {
    assert.equal(can(`${args} -n ${team}`), 'no', args);
  }
});

test('an upgrade keeps runs, pods and the key, and upgrades the CRDs', async () => {
  apply(testRun('a', team));
  apply(pod('tr-a-1', other));
  kubectl(`wait pod/tr-a-1 -n ${other} --for=condition=Ready --timeout=60s`);
  const uid = get(`pod tr-a-1 -n ${other}`).metadata.uid;
  // As if the release before had had a shorter list of short names.
  kubectl('patch crd testruns.handback.dev --type=json -p [{"op":"remove","path":"/spec/names/shortNames"}]');
  const said = helm('upgrade', 'handback', chart, '-n', system, ...IMAGES, '--set', 'replicas=1', '--set', 'profiles[0].limits.maxSeconds=600', '--set', `networkPolicy.namespaces={${team}}`, '--wait', '--timeout', '2m');
  assert.ok(!said.includes('No namespace has the NetworkPolicy'));
  assert.deepEqual(get('crd testruns.handback.dev').spec.names.shortNames, ['tr']);
  assert.equal(get(`secret handback-operator-key -n ${system}`).data['tls.key'], key, 'pods know the old key');
  assert.ok(exists(`testrun a -n ${team}`));
  assert.equal(get(`pod tr-a-1 -n ${other}`).metadata.uid, uid);
  assert.ok(exists(`networkpolicy handback-runs -n ${team}`));
  assert.match(get(`configmap handback-profiles -n ${system}`).data['profiles.yaml'], /maxSeconds: 600/);
});

test('a value that is wrong changes nothing', () => {
  const { status, stderr } = run(HELM, ['upgrade', 'handback', chart, '-n', system, ...IMAGES, '--set', 'replcas=3']);
  assert.notEqual(status, 0);
  assert.match(stderr, /additional properties 'replcas' not allowed/);
  assert.equal(get(`deployment handback -n ${system}`).spec.replicas, 1);
});

test('an uninstall leaves runs, CRDs, the key and running pods, and nothing else', async () => {
  helm('uninstall', 'handback', '-n', system, '--wait', '--timeout', '3m');
  assert.ok(exists('crd testruns.handback.dev') && exists('crd handoffs.handback.dev'));
  assert.ok(exists(`testrun a -n ${team}`));
  assert.equal(get(`secret handback-operator-key -n ${system}`).data['tls.key'], key);
  const { metadata, status } = get(`pod tr-a-1 -n ${other}`);
  assert.deepEqual([metadata.finalizers, metadata.deletionTimestamp, status.phase], [undefined, undefined, 'Running']);

  await until('the operator and the Job are gone', () => get(`pods -n ${system}`).items.length === 0, 60);
  const label = '-l app.kubernetes.io/instance=handback';
  const rest = ['clusterroles', 'clusterrolebindings', 'validatingadmissionpolicies', 'validatingadmissionpolicybindings', `roles,rolebindings,serviceaccounts,services,deployments,jobs,configmaps,secrets,networkpolicies,poddisruptionbudgets -A`]
    .flatMap((kinds) => get(`${kinds} ${label}`).items.map(({ kind, metadata: { name } }) => `${kind}/${name}`));
  assert.deepEqual(rest, ['Secret/handback-operator-key']);
});

test('what was left can be deleted, without an operator', () => {
  kubectl(`delete testrun a -n ${team} --timeout=30s`);
  kubectl(`delete pod tr-a-1 -n ${other} --timeout=60s`);
});

test('it can be installed again over what was left, in two namespaces this time', async () => {
  apply(pod('tr-b-1', team));
  helm('install', 'handback', chart, '-n', system, ...IMAGES, '--set', `watchNamespaces={${team},${other}}`, '--wait', '--timeout', '2m');
  assert.equal(get(`secret handback-operator-key -n ${system}`).data['tls.key'], key);
  const can = (args) => run(KUBECTL, `auth can-i ${args} --as=system:serviceaccount:${system}:handback`.split(' ')).stdout.trim();
  assert.deepEqual([can(`create pods -n ${team}`), can(`create pods -n ${other}`), can(`create pods -n ${system}`), can('list namespaces')], ['yes', 'yes', 'no', 'no']);
  helm('uninstall', 'handback', '-n', system, '--wait', '--timeout', '3m');
  assert.equal(get(`pod tr-b-1 -n ${team}`).metadata.finalizers, undefined);
  const leftovers = get(`roles,rolebindings -A -l app.kubernetes.io/instance=handback`).items;
  assert.deepEqual(leftovers, []);
});

test('the shop of the examples comes up in a restricted namespace, under both its names', async () => {
  kubectl(`apply -n ${team} -f ${root}examples/kubernetes/shop.yaml`);
  kubectl(`rollout status deployment/shop -n ${team} --timeout=60s`);
  for (const name of ['shop', 'shop-pay']) {
    const path = `/api/v1/namespaces/${team}/services/${name}:http/proxy/healthz`;
    await until(`${name} answers`, () => run(KUBECTL, ['get', '--raw', path]).stdout === '{"status":"ok","revision":"3f1c9ae"}');
  }
});

test('the seccomp profile comes onto every node', async () => {
  // Not in the kubelet's directory: this may be somebody's cluster.
  const path = `handback-chart-${id}`;
  apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: nodes } });
  const rendered = run(HELM, ['template', 'handback', chart, '-n', nodes, '--kube-version', '1.34.0', '--show-only', 'templates/seccomp.yaml', ...IMAGES, '--set', 'seccomp.install=true', '--set', `seccomp.hostPath=/tmp/${path}`]);
  kubectl('apply -f -', rendered.stdout);
  kubectl(`rollout status daemonset/handback-seccomp -n ${nodes} --timeout=60s`);
  kubectl(`delete daemonset/handback-seccomp -n ${nodes} --timeout=60s`);
  // Reads it as a node would, and takes it away.
  apply({
    apiVersion: 'v1', kind: 'Pod', metadata: { name: 'look', namespace: nodes },
    spec: {
      restartPolicy: 'Never', volumes: [{ name: 'tmp', hostPath: { path: '/tmp' } }],
      containers: [{ name: 'look', image: 'localhost/handback:dev', imagePullPolicy: 'Never', securityContext: { runAsUser: 0 }, volumeMounts: [{ name: 'tmp', mountPath: '/host' }],
        command: ['sh', '-ec', `cd /host/${path}; find . -type f; cat handback/browser.json; rm -r /host/${path}`] }],
    },
  });
  await until('somebody has looked', () => ['Succeeded', 'Failed'].includes(get(`pod look -n ${nodes}`).status.phase), 60);
  assert.equal(kubectl(`logs look -n ${nodes}`), `./handback/browser.json\n${readFileSync(`${root}images/browser/seccomp.json`, 'utf8')}`);
});

test('the CRDs that were rendered are those of this version', () => {
  for (const name of ['testruns', 'handoffs']) {
    const rendered = objects().get(`CustomResourceDefinition/${name}.handback.dev`);
    const { spec } = get(`crd ${name}.handback.dev`);
    assert.deepEqual(spec.versions[0].schema.openAPIV3Schema.properties.spec, rendered.spec.versions[0].schema.openAPIV3Schema.properties.spec);
  }
});
