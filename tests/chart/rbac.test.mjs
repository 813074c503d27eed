// Rights: of the operator, exactly what its code asks for; of people, exactly what handoff.md 7.1 says.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';

import { compare, given, used } from './rbac.mjs';
import { objects, root, text } from './render.mjs';

// Each right of the operator, and what in src/operator needs it.
const WHERE_RUNS_LIVE = [
  [['list', 'watch'], 'testruns.handback.dev', /caches::keep_runs\(/],
  [['get'], 'testruns.handback.dev', /self\.runs\(subject\)\.get_opt\(/],
  [['patch'], 'testruns.handback.dev', /runs\.patch\(name/],
  [['delete'], 'testruns.handback.dev', /self\.runs\(subject\)\.delete\(/],
  [['patch'], 'testruns/status.handback.dev', /runs\.patch_status\(/],
  [['list', 'watch'], 'handoffs.handback.dev', /caches::keep_handoffs\(/],
  [['get'], 'handoffs.handback.dev', /handoffs\.get_opt\(/],
  [['patch'], 'handoffs.handback.dev', /handoffs\.patch\(/],
  [['delete'], 'handoffs.handback.dev', /handoffs_of\(seen\)\.delete\(/],
  [['patch'], 'handoffs/status.handback.dev', /handoffs\.patch_status\(/],
  [['list', 'watch'], 'pods', /caches::keep_pods\(/],
  [['get'], 'pods', /self\.pods\(subject\)\.get_opt\(/],
  [['create'], 'pods', /self\.pods\(&seen\.subject\)\.create\(/],
  [['patch'], 'pods', /self\.pods\(subject\)\.patch\(/],
  [['delete'], 'pods', /self\.pods\(subject\)\.delete\(/],
  [['get', 'create'], 'pods/portforward', /\.portforward\(/],
  [['get'], 'configmaps', /maps\.get_opt\(/],
  [['get'], 'events.events.k8s.io', /events\.get\(/],
  [['create'], 'events.events.k8s.io', /events\.create\(/],
  [['patch'], 'events.events.k8s.io', /events\s*\.patch\(/],
];
const OWN = [
  [['create'], 'leases.coordination.k8s.io', /\.leases\s*\.create\(/],
  [['get'], 'leases.coordination.k8s.io handback-operator', /\.leases\s*\.get_opt\(/],
  [['update'], 'leases.coordination.k8s.io handback-operator', /\.leases\s*\.replace\(/],
];
const NAMESPACES = [[['list', 'watch'], 'namespaces', /caches::keep_namespaces\(/]];
const POLICY = [
  [['get'], 'validatingadmissionpolicies.admissionregistration.k8s.io handback-handoffs', /cluster_object::<ValidatingAdmissionPolicy>\(/],
  [['get'], 'validatingadmissionpolicybindings.admissionregistration.k8s.io handback-handoffs', /cluster_object::<ValidatingAdmissionPolicyBinding>\(/],
];

const source = readdirSync(`${root}src/operator`, { recursive: true })
  .filter((name) => name.endsWith('.rs'))
  .map((name) => readFileSync(`${root}src/operator/${name}`, 'utf8').split('#[cfg(test)]')[0])
  .concat(readFileSync(`${root}src/operator.rs`, 'utf8'))
  .join('\n');

/** The rights of a table, each needed by the code. */
function needed(...tables) {
  return tables
    .flat()
    .flatMap(([verbs, what, code]) => {
      assert.ok(code.test(source), `nothing in src/operator needs ${verbs.join(', ')} ${what} any more`);
      return verbs.map((verb) => `${verb} ${what}`);
    })
    .sort();
}

/** The rights of a role, as `verb resource.group name`. */
const rights = (role) => compare(given(role.rules), []).unused;

test('the operator may do what its code does, and nothing else', () => {
  const all = objects();
  assert.deepEqual(rights(all.get('ClusterRole/handback-operator-handback-system')), needed(WHERE_RUNS_LIVE, NAMESPACES, POLICY));
  assert.deepEqual(rights(all.get('Role/handback-leader')), needed(OWN));
});

test('in some namespaces it may do nothing in the others', () => {
  const all = objects('watchNamespaces={a,b}');
  assert.deepEqual(rights(all.get('ClusterRole/handback-operator-handback-system')), needed(POLICY));
  for (const namespace of ['a', 'b']) {
    assert.deepEqual(rights(all.get(`Role/${namespace}/handback-operator`)), needed(WHERE_RUNS_LIVE));
    const { roleRef, subjects } = all.get(`RoleBinding/${namespace}/handback-operator`);
    assert.deepEqual([roleRef.kind, roleRef.name], ['Role', 'handback-operator']);
    assert.deepEqual(subjects, [{ kind: 'ServiceAccount', name: 'handback', namespace: 'handback-system' }]);
  }
});

test('the kinds that the operator asks for are in the table', () => {
  const KNOWN = ['ConfigMap', 'DeserializeGuard', 'Event', 'Handoff', 'K', 'Lease', 'Pod', 'TestRun'];
  const asked = new Set([...source.matchAll(/\bApi<(\w+)/g)].map(([, kind]) => kind));
  assert.deepEqual([...asked].filter((kind) => !KNOWN.includes(kind)), [], 'add them to the tables above and to the chart');
  const single = [...source.matchAll(/cluster_object::<(\w+)>/g)].map(([, kind]) => kind);
  assert.deepEqual([...new Set(single)].sort(), ['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding']);
});

test('no rule has a star or a secret', () => {
  for (const [id, { rules }] of objects()) {
    for (const { group, resource, verb } of given(rules ?? [])) {
      assert.ok(![group, resource, verb].includes('*') && resource !== 'secrets', `${id}: ${verb} ${resource}.${group}`);
    }
  }
});

const VIEWER = [
  'create handoffs.handback.dev', 'create pods/portforward', 'create testruns/view.handback.dev', 'delete handoffs.handback.dev',
  'get handoffs.handback.dev', 'get pods', 'get pods/portforward', 'get testruns.handback.dev', 'list handoffs.handback.dev',
  'list testruns.handback.dev', 'patch handoffs.handback.dev', 'watch handoffs.handback.dev', 'watch testruns.handback.dev',
];
const MORE = {
  viewer: [],
  controller: ['create testruns/control.handback.dev', 'patch testruns.handback.dev'],
  runner: ['create testruns.handback.dev', 'delete testruns.handback.dev', 'patch testruns.handback.dev'],
  admin: [
    'create testruns.handback.dev', 'create testruns/control.handback.dev', 'delete testruns.handback.dev', 'deletecollection handoffs.handback.dev',
    'deletecollection testruns.handback.dev', 'patch testruns.handback.dev', 'update handoffs.handback.dev', 'update testruns.handback.dev',
    'update testruns/control.handback.dev', 'update testruns/view.handback.dev',
  ],
};

test('people have four roles, each with its rights and bound to nobody', () => {
  const all = objects();
  for (const [role, more] of Object.entries(MORE)) {
    const found = all.get(`ClusterRole/handback-${role}`);
    assert.deepEqual(rights(found), [...VIEWER, ...more].sort(), role);
    const aggregated = Object.keys(found.metadata.labels).filter((label) => label.includes('aggregate'));
    assert.deepEqual(aggregated, [], role);
  }
  const bound = [...all.values()].filter(({ kind }) => kind.endsWith('Binding') && !kind.startsWith('Validating')).map(({ roleRef }) => roleRef.name);
  assert.deepEqual(bound.filter((name) => name in MORE), []);
  const labels = objects('everything').get('ClusterRole/handback-viewer').metadata.labels;
  assert.equal(labels['rbac.authorization.k8s.io/aggregate-to-view'], 'true');
});

test('after an uninstall pods are released, and that is all', () => {
  const all = objects();
  assert.deepEqual(rights(all.get('ClusterRole/handback-release-pods-handback-system')), ['get pods', 'list pods', 'patch pods']);
  const own = [...objects('everything').values()].filter(({ metadata }) => metadata.annotations?.['helm.sh/hook']);
  assert.deepEqual([...new Set(own.map(({ metadata }) => metadata.annotations['helm.sh/hook']))], ['post-delete']);
  assert.equal(own.filter(({ kind }) => kind === 'Role').length, 2);
});

// --- What a recorded run used -----------------------------------------------------------------------

const USER = 'system:serviceaccount:handback-system:handback';

function line(verb, resource, more = {}) {
  const [name, subresource] = resource.split('/');
  const objectRef = { resource: name, subresource, namespace: 'shop', ...more.objectRef };
  return JSON.stringify({ stage: 'ResponseComplete', verb, user: { username: USER }, responseStatus: { code: 200 }, ...more, objectRef });
}

test('an audit log tells what was used, once each, and of nobody else', () => {
  const asked = used(
    [
      line('get', 'pods', { objectRef: { name: 'a' } }),
      line('get', 'pods', { objectRef: { name: 'a' } }),
      line('get', 'pods', { stage: 'RequestReceived', objectRef: { name: 'a' } }),
      line('get', 'pods', { user: { username: 'ada' } }),
      line('list', 'pods', { impersonatedUser: { username: 'ada' } }),
      line('list', 'secrets', { user: { username: 'admin' }, impersonatedUser: { username: USER } }),
      line('patch', 'testruns/status', { objectRef: { apiGroup: 'handback.dev' } }),
      JSON.stringify({ stage: 'ResponseComplete', verb: 'get', user: { username: USER }, requestURI: '/version' }),
      '',
      '{"stage":"ResponseCom',
    ],
    USER,
  );
  assert.deepEqual(
    asked.map(({ group, resource, verb, name, count }) => [group, resource, verb, name, count]),
    [
      ['', 'pods', 'get', 'a', 2],
      ['handback.dev', 'testruns/status', 'patch', undefined, 1],
    ],
  );
});

test('what was asked before a time does not count', () => {
  const lines = ['2026-01-01T00:00:00.900000Z', '2026-01-01T00:00:01.100000Z'].map((requestReceivedTimestamp) => line('get', 'pods', { requestReceivedTimestamp }));
  assert.deepEqual(used(lines, USER, '2026-01-01T00:00:01Z').map(({ count }) => count), [1]);
  assert.deepEqual(used(lines, USER).map(({ count }) => count), [2]);
});

test('a right in one namespace is none in another', () => {
  const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }];
  const asked = used([line('get', 'pods')], USER);
  assert.deepEqual(compare(given(rules, 'shop'), asked), { unused: [], missing: [] });
  assert.deepEqual(compare(given(rules, 'bank'), asked), { unused: ['get pods'], missing: ['get pods'] });
});

test('what is missing and what is too much are told apart', () => {
  const rules = given([
    { apiGroups: [''], resources: ['pods', 'secrets'], verbs: ['get', 'list'] },
    { apiGroups: ['coordination.k8s.io'], resources: ['leases'], resourceNames: ['handback-operator'], verbs: ['get'] },
  ]);
  const asked = used(
    [
      line('get', 'pods'),
      line('list', 'pods'),
      line('delete', 'pods', { objectRef: { name: 'a' } }),
      line('delete', 'pods', { objectRef: { name: 'b' } }),
      line('get', 'leases', { objectRef: { apiGroup: 'coordination.k8s.io', name: 'another' } }),
    ],
    USER,
  );
  assert.deepEqual(compare(rules, asked), {
    unused: ['get leases.coordination.k8s.io handback-operator', 'get secrets', 'list secrets'],
    missing: ['delete pods', 'get leases.coordination.k8s.io'],
  });
});

test('the program says it with its exit code', () => {
  const directory = mkdtempSync(`${tmpdir()}/handback-rbac-`);
  const run = (...lines) => {
    writeFileSync(`${directory}/audit.log`, `${lines.join('\n')}\n`);
    const { status, stdout, stderr } = spawnSync(process.execPath, [`${root}scripts/rbac-used.mjs`, `${directory}/audit.log`, `${directory}/chart.yaml`], { encoding: 'utf8' });
    return { status, said: stdout + stderr };
  };
  try {
    writeFileSync(`${directory}/chart.yaml`, text());
    const all = [...objects().values()].filter(({ metadata }) => ['handback-operator-handback-system', 'handback-leader'].includes(metadata.name));
    const rights = all.flatMap(({ kind, rules, metadata }) => given(rules ?? [], kind === 'Role' ? metadata.namespace : 'shop'));
    const every = rights.map(({ group, resource, verb, name, namespace }) => line(verb, resource, { objectRef: { apiGroup: group || undefined, name, namespace } }));
    assert.match(run(...every).said, /^\d+ requests used exactly what is given\n$/);
    assert.equal(run(...every).status, 0);
    const less = run(...every.slice(1), line('get', 'secrets'));
    assert.equal(less.status, 1);
    assert.equal(less.said, 'used and not given: get secrets\ngiven and not used: get validatingadmissionpolicies.admissionregistration.k8s.io handback-handoffs\n');
    const elsewhere = run(...every, line('create', 'leases', { objectRef: { apiGroup: 'coordination.k8s.io' } }));
    assert.equal(elsewhere.said, 'used and not given: create leases.coordination.k8s.io\n');
    assert.equal(run(line('get', 'pods', { user: { username: 'ada' } })).status, 2);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
