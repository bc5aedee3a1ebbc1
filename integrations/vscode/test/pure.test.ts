import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Attention } from '../src/core/attention.ts';
import { Poller } from '../src/core/poller.ts';
import { deviceRows, devicesSummary, environmentRows, ownRows, statusText, statusTooltip } from '../src/core/rows.ts';
import { parseSnapshot } from '../src/core/snapshot.ts';
import { AppliedVariables, debugConfiguration, putFirst, withoutEnvironment, type DebugConfiguration } from '../src/core/variables.ts';
import { amount, environmentName, intervalMs, plain, refuseCount, refuseMemory, refuseName, typedAmount } from '../src/core/words.ts';

const gib = 2 ** 30;
const snapshot = parseSnapshot({
  devices: [
    { index: 0, uuid: 'GPU-0', name: 'H100', total_memory: 80 * gib, used_memory: 7 * gib, utilization: 45, temperature: 50, attachments: [{ eid: '1', gpu_memory: null }] },
    { index: 1, uuid: 'GPU-1', name: 'H100', total_memory: 80 * gib, used_memory: 0, utilization: 0, attachments: [{ eid: '2', gpu_memory: 60 * gib }] },
    { index: 2, uuid: 'GPU-2', name: 'H100', total_memory: 80 * gib, attachments: [] },
    { index: 3, uuid: 'GPU-3', name: 'H100', state: 'lost', attachments: [] },
  ],
  envs: [
    { eid: '1', uid: 1, username: 'me', name: 'train', gpus: 1, gpu_memory: null, pids: [10], devices: [0] },
    { eid: '2', uid: 2, username: 'bob', name: 'a, "b"\n<i>[x](command:y)', gpus: 1, gpu_memory: 60 * gib, pids: [20], devices: [1] },
    { eid: '3', uid: 1, username: 'me', name: null, gpus: null, gpu_memory: 10 * gib, pids: [30], devices: [] },
  ],
  processes: [{ pid: 11, eid: '1', username: 'me', command: 'python train.py', usage: [{ index: 0, uuid: 'GPU-0', used_memory: 5 * gib }] }],
});
const [one, , three] = snapshot.envs;

test('rows of devices', () => {
  const rows = deviceRows(snapshot, one);
  assert.deepEqual(rows.map((row) => row.description), [
    '45% · 7 of 80 GiB · this window',
    '0% · 0 of 80 GiB · bob: a, "b" <i>[x] (command:y)',
    '80 GiB · free',
    'lost',
  ]);
  assert.deepEqual(rows.map((row) => row.context), ['detach', 'attachOverSubscription', 'attach', undefined]);
  assert.deepEqual(deviceRows(snapshot, three).map((row) => row.context), ['attachOverSubscription', 'attach', 'attach', undefined]);
  assert.equal(devicesSummary(snapshot), '1 of 4 free');
  assert.equal(devicesSummary(parseSnapshot({})), 'no devices');
});

test('rows of environments and of the own one', () => {
  const rows = environmentRows(snapshot, one, 1);
  assert.deepEqual(rows.map((row) => [row.label, row.description]), [
    ['train', '5 GiB · GPU 0 · me'],
    ['a, "b" <i>[x] (command:y)', 'GPU 1 · bob'],
    ['3', 'no devices · me'],
  ]);
  assert.deepEqual(rows.map((row) => row.other?.eid), [undefined, undefined, '3']); // of this user, and not of this window
  assert.equal(rows[0]?.children?.[0]?.description, '11 · GPU 0 · 5 GiB');
  const own = ownRows(one, snapshot);
  assert.deepEqual(own.map((row) => row.description), ['train', '1', 'whole device', '1 device']);
  assert.equal(own[3]?.children?.[0]?.description, '45% · 5 of 80 GiB');
  assert.deepEqual(ownRows(undefined, snapshot), []);
  assert.equal(ownRows(one, undefined)[3]?.children?.[0]?.label, 'GPU 0');
  assert.equal(statusText(three!), 'No GPUs');
  assert.equal(statusText(one!), '1 GPU');
  assert.match(statusTooltip(one!), /^train\nAttached to GPU 0\n/);
});

test('no row has the identity of another, whatever IDs people choose', () => {
  const envs = ['7', 'process-7-8', 'environment-7', 'device-0-', 'process-8'].map((eid) => ({ eid, username: 'bob\u202e' }));
  const processes = envs.flatMap(({ eid }) => [{ pid: 8, eid, usage: [] }, { pid: 7, eid, usage: [] }]);
  const rows = environmentRows(parseSnapshot({ envs, processes, devices: [] }), undefined, 0);
  const ids = rows.flatMap((row) => [row.id, ...(row.children ?? []).map((child) => child.id)]);
  assert.equal(ids.length, 15);
  assert.equal(new Set(ids).size, ids.length);
  assert.match(rows[0]?.description ?? '', /bob$/);
});

test('amounts, names and what people type', () => {
  assert.deepEqual([0, 1023, 1024, 1.5 * gib, 12.4 * gib, 3 * 2 ** 40].map(amount), ['0 B', '1023 B', '1 KiB', '1.5 GiB', '12 GiB', '3 TiB']);
  assert.equal(environmentName('vscode/a\nb\u202ec\u0007'), 'vscode/a b c');
  assert.equal(Buffer.byteLength(environmentName('é'.repeat(100))), 128);
  assert.equal(environmentName('x'.repeat(127) + '🐍'), 'x'.repeat(127));
  assert.equal(plain('a\r\nb [x](command:y)'), 'a b [x] (command:y)');
  assert.equal(plain('a\u202eb'), 'a b');
  assert.deepEqual([0, 1, 4e9, 4 * gib, 1.5e9, 512 * 2 ** 20, 1536].map(typedAmount), ['0', '1', '4g', '4gi', '1500m', '512mi', '1536']);
  for (const bytes of [1, 4e9, 4 * gib, 1.5e9, 1001]) assert.equal(refuseMemory(typedAmount(bytes)), undefined);
  assert.deepEqual([5, 0.5, -1, 1e9, NaN, '5s', undefined, null, Infinity].map(intervalMs), [5000, 1000, 1000, 3_600_000, 5000, 5000, 5000, 5000, 5000]);
  assert.equal(refuseName('a b'), undefined);
  for (const name of ['a\nb', ' a', 'x'.repeat(129)]) assert.ok(refuseName(name));
  for (const text of ['', '0', '12']) assert.equal(refuseCount(text), undefined);
  for (const text of ['-1', '1.5', 'x', '99999']) assert.ok(refuseCount(text));
  for (const text of ['', '4g', '512Mi', '1000', '3b']) assert.equal(refuseMemory(text), undefined);
  for (const text of ['0', '4q', '-1', '1.5g', 'g']) assert.ok(refuseMemory(text));
});

test('variables in a process, and out of it again', () => {
  const env: NodeJS.ProcessEnv = { PATH: '/usr/bin:/bin', CUDA_VISIBLE_DEVICES: '7', GENV_GPUS: '9' };
  const applied = new AppliedVariables(env);
  applied.apply({ GENV_ENVIRONMENT_ID: '1', GENV_GPUS: null, CUDA_VISIBLE_DEVICES: '0', PATH: '/genv/shims:/usr/bin:/bin' });
  assert.deepEqual(env, { PATH: '/genv/shims:/usr/bin:/bin', CUDA_VISIBLE_DEVICES: '0', GENV_ENVIRONMENT_ID: '1' });
  env['PATH'] = `/venv/bin:${env['PATH']}`;
  applied.apply({ GENV_ENVIRONMENT_ID: '1', GENV_GPUS: '2', CUDA_VISIBLE_DEVICES: '0,1', PATH: '/genv/shims:/usr/bin' });
  assert.equal(env['PATH'], '/genv/shims:/venv/bin:/usr/bin:/bin');
  applied.restore();
  assert.deepEqual(env, { PATH: '/venv/bin:/usr/bin:/bin', CUDA_VISIBLE_DEVICES: '7', GENV_GPUS: '9' });
  assert.equal(putFirst('/a', ''), '/a');
  assert.deepEqual(withoutEnvironment({ A: '1', GENV_TMPDIR: '/s', GENV_ENVIRONMENT_ID: '1', GENV_GPUS: '1', CUDA_VISIBLE_DEVICES: '0' }), { A: '1', GENV_TMPDIR: '/s' });
  assert.deepEqual(withoutEnvironment({ CUDA_VISIBLE_DEVICES: '0' }), { CUDA_VISIBLE_DEVICES: '0' });
});

test('debug configurations', () => {
  const variables = { CUDA_VISIBLE_DEVICES: '0', GENV_GPUS: null, PATH: '/shims:/bin' };
  assert.deepEqual(debugConfiguration<DebugConfiguration>({ type: 'debugpy', request: 'launch', name: 'x' }, variables).env, { CUDA_VISIBLE_DEVICES: '0' });
  assert.deepEqual(debugConfiguration({ type: 'node', request: 'launch', env: { CUDA_VISIBLE_DEVICES: '1', PATH: '/x', Y: null } }, variables).env, {
    CUDA_VISIBLE_DEVICES: '1',
    PATH: '/shims:/x',
    Y: null,
  });
  assert.deepEqual(debugConfiguration({ type: 'cppdbg', request: 'launch', environment: [{ name: 'A', value: 'b' }, { name: 'PATH', value: '/x' }] }, variables).environment, [
    { name: 'CUDA_VISIBLE_DEVICES', value: '0' },
    { name: 'A', value: 'b' },
    { name: 'PATH', value: '/shims:/x' },
  ]);
  assert.deepEqual(debugConfiguration<DebugConfiguration>({ type: 'cuda-gdb', request: 'launch' }, variables), {
    type: 'cuda-gdb',
    request: 'launch',
    environment: [{ name: 'CUDA_VISIBLE_DEVICES', value: '0' }],
  });
  assert.deepEqual(debugConfiguration({ type: 'lldb-dap', request: 'launch', env: ['A=b', 'PATH=/x'] }, variables).env, ['CUDA_VISIBLE_DEVICES=0', 'A=b', 'PATH=/shims:/x']);
  assert.deepEqual(debugConfiguration({ type: 'lldb-dap', request: 'launch', env: ['CUDA_VISIBLE_DEVICES=1'] }, variables).env, ['CUDA_VISIBLE_DEVICES=1']);
  assert.deepEqual(debugConfiguration({ type: 'debugpy', request: 'attach' }, variables), { type: 'debugpy', request: 'attach' });
});

test('nothing is looked at while nobody sees it', async () => {
  let looks = 0;
  let atOnce = 0;
  const poller = new Poller(async () => {
    looks += 1;
    assert.equal(++atOnce, 1);
    await sleep(5);
    atOnce -= 1;
  }, 1);
  await poller.now();
  assert.equal(looks, 0);
  poller.setVisible(true);
  while (looks < 5) await sleep(1);
  await Promise.all([poller.now(), poller.now()]);
  poller.setVisible(false);
  await sleep(20);
  const seen = looks;
  await sleep(50);
  assert.equal(looks, seen);
});

test('a window that is not the active one is followed for ten minutes', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  let isGiven: boolean | undefined;
  const attention = new Attention((value) => (isGiven = value));
  const minutes = (count: number): void => context.mock.timers.tick(count * 60_000);
  attention.update(true, true);
  minutes(60);
  assert.equal(isGiven, true);
  attention.update(true, false);
  minutes(9);
  assert.equal(isGiven, true);
  attention.update(false, false);
  assert.equal(isGiven, false);
  attention.update(true, false); // shown by somebody who is elsewhere since
  assert.equal(isGiven, true);
  minutes(2);
  assert.equal(isGiven, false);
  attention.update(true, false);
  assert.equal(isGiven, false);
  attention.update(true, true);
  assert.equal(isGiven, true);
  minutes(60);
  assert.equal(isGiven, true);
  attention.dispose();
});
