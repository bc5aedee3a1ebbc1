import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findGenv, Genv, GenvError } from '../src/core/genv.ts';
import { genvPath, until, World } from './world.ts';

function failing(failure: string, message: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof GenvError);
    assert.equal(error.failure, failure);
    assert.match(error.message, message);
    return true;
  };
}

test('a snapshot has the devices, and an environment its fields', async () => {
  const world = new World();
  const host = world.host();
  const { eid } = await world.genv.keep({ pid: host.pid, gpus: 2 });
  await world.genv.configure(eid, 'gpu-memory', '4gi');
  const snapshot = await world.genv.snapshot();
  assert.deepEqual(snapshot.devices.map((device) => device.index), [0, 1, 2, 3]);
  assert.deepEqual(snapshot.devices[1]?.attachments, [{ eid, gpuMemory: 4 * 2 ** 30 }]);
  const [environment] = await world.genv.environments();
  assert.equal(environment?.eid, String(host.pid));
  assert.deepEqual(environment.devices, [0, 1]);
  assert.equal(environment.gpus, 2);
  assert.equal(environment.uid, process.getuid?.());
  await world.end();
});

for (const name of ['a, b', '"quoted"', "it's", '<img src=x onerror=alert(1)>', '$(touch x) `id`', '--eid', '$(zap) codicon', '名前 🐍', '[link](command:x)', 'a;b|c&d']) {
  test(`a name arrives as it is: ${name}`, async () => {
    const world = new World();
    const { eid } = await world.genv.keep({ pid: world.host().pid, name });
    assert.equal((await world.genv.environments())[0]?.name, name);
    await world.genv.configure(eid, 'name', `${name}!`);
    assert.equal((await world.genv.snapshot()).envs[0]?.name, `${name}!`);
    assert.equal((await world.genv.variables(eid))['GENV_ENVIRONMENT_NAME'], `${name}!`);
    await world.end();
  });
}

test('attaching, sharing and detaching', async () => {
  const world = new World(2);
  const one = await world.genv.keep({ pid: world.host().pid, gpus: 1 });
  const two = await world.genv.keep({ pid: world.host().pid });
  assert.deepEqual(one.complaints, []);
  await assert.rejects(world.genv.attach(two.eid, { count: 2 }, false), failing('refused', /cannot attach 2 devices/));
  await assert.rejects(world.genv.attach(two.eid, { index: 0 }, false), failing('refused', /device 0/));
  await world.genv.attach(two.eid, { count: 2 }, true);
  await world.genv.detach(two.eid, 1);
  assert.equal(world.call('devices', 'find', '--eid', two.eid), '0');
  await world.genv.detach(two.eid);
  assert.equal(world.call('devices', 'find', '--eid', two.eid), '');
  await assert.rejects(world.genv.configure(one.eid, 'gpu-memory', '4q'), failing('refused', /4q/));
  await assert.rejects(world.genv.variables('none'), failing('refused', /no environment none/));
  await world.end();
});

test('too few devices for a new environment are a complaint, not a failure', async () => {
  const world = new World(1);
  const kept = await world.genv.keep({ pid: world.host().pid, gpus: 3 });
  assert.match(kept.complaints.join(), /cannot attach 3 devices/);
  await world.end();
});

test('the configuration of the project is loaded', async () => {
  const world = new World();
  mkdirSync(join(world.folder, 'project/.genv'), { recursive: true });
  const { writeFileSync } = await import('node:fs');
  writeFileSync(join(world.folder, 'project/.genv/gpus'), '3\n');
  const kept = await world.genv.keep({ pid: world.host().pid, cwd: join(world.folder, 'project') });
  assert.deepEqual(kept.complaints, []);
  assert.deepEqual((await world.genv.environments())[0]?.devices, [0, 1, 2]);
  await world.genv.keep({ pid: world.host().pid, cwd: join(world.folder, 'gone') });
  await world.end();
});

test('the keeper goes on without this process reading from it', async () => {
  const world = new World();
  const host = world.host();
  const { keeper, eid } = await world.genv.keep({ pid: host.pid, gpus: 1 });
  host.kill();
  assert.equal(world.call('devices', 'find', '--eid', eid), '0');
  keeper.kill();
  await until(() => world.call('devices', 'find', '--eid', eid) === '');
  await world.end();
});

test('genv missing, not executable, a folder, old, slow, silent or wrong', async () => {
  const world = new World();
  const env = world.env;
  const call = (path: string, patience?: number) => new Genv(path, env, patience);
  await assert.rejects(call('/none/genv').snapshot(), failing('missing', /cannot run \/none\/genv: ENOENT/));
  await assert.rejects(call('/none/genv').keep({ pid: 1 }), failing('missing', /ENOENT/));
  await assert.rejects(call('/etc/passwd').snapshot(), failing('missing', /EACCES/));
  await assert.rejects(call('/tmp').keep({ pid: 1 }), failing('missing', /EACCES/));
  const old = world.program('old', "echo \"genv: unknown command 'envs keep': did you mean 'ps'?\" >&2; exit 2");
  await assert.rejects(call(old).keep({ pid: 1 }), failing('old', /unknown command/));
  const python = world.program('python', "echo 'usage: genv' >&2; echo \"genv: error: argument command: invalid choice: 'snapshot'\" >&2; exit 2");
  await assert.rejects(call(python).snapshot(), failing('old', /invalid choice/));
  await world.genv.check();
  await assert.rejects(call(old).check(), failing('old', /unknown command/));
  await assert.rejects(call(world.program('older', 'echo "genv envs keep - Options: --linger"')).check(), failing('old', /--join/));
  const loud = world.program('loud', 'yes "$*"');
  await assert.rejects(call(loud).snapshot(), failing('broken', /printed too much/));
  await assert.rejects(call(loud).keep({ pid: 1 }), failing('broken', /printed too much/));
  const behind = world.program('behind', 'sleep 5; exit');
  await assert.rejects(call(behind, 100).snapshot(), failing('slow', /within 0.1 seconds/));
  await assert.rejects(call(behind, 100).keep({ pid: 1 }), failing('slow', /within 0.1 seconds/));
  await assert.rejects(call(world.program('null', 'echo null')).variables('x'), failing('broken', /did not print variables/));
  const slow = world.program('slow', 'exec sleep 600');
  await assert.rejects(call(slow, 100).snapshot(), failing('slow', /within 0.1 seconds/));
  await assert.rejects(call(slow, 100).keep({ pid: 1 }), failing('slow', /within 0.1 seconds/));
  const silent = world.program('silent', 'exit 3');
  await assert.rejects(call(silent).snapshot(), failing('broken', /status 3, without a message/));
  const wrong = world.program('wrong', 'echo "<html>"');
  await assert.rejects(call(wrong).snapshot(), failing('broken', /did not print JSON/));
  await assert.rejects(world.genv.keep({ pid: 999999999 }), failing('refused', /process 999999999/));
  for (const odd of ['null', '[]', '{"devices":3,"envs":[null,{"pids":"x"}]}']) {
    const snapshot = await call(world.program('odd', `echo '${odd}'`)).snapshot();
    assert.deepEqual(snapshot.devices, []);
  }
  await world.end();
});

test('where genv is looked for', () => {
  const world = new World();
  const path = world.program('genv', 'exit 0');
  assert.equal(findGenv('', { PATH: `relative:/none:${world.folder}` }), path);
  assert.equal(findGenv(path, {}), path);
  assert.equal(findGenv('genv', { PATH: world.folder }), undefined);
  assert.equal(findGenv('/none/genv', { PATH: world.folder }), undefined);
  assert.equal(findGenv(world.folder, {}), undefined);
  for (const odd of [5, {}, true, []]) assert.equal(findGenv(odd, { PATH: world.folder }), undefined);
  assert.equal(findGenv(undefined, { PATH: world.folder }), path);
  assert.ok(genvPath);
});
