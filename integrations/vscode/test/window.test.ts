import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Claims } from '../src/core/claims.ts';
import { Genv } from '../src/core/genv.ts';
import { WindowEnvironment } from '../src/core/window.ts';
import { genvPath, until, World } from './world.ts';

/** A window of a workspace; its extensions run in a process of their own. */
class Window {
  readonly host;
  readonly told: string[] = [];
  readonly seen: (string | undefined)[] = [];
  readonly environment: WindowEnvironment;
  readonly claims: Claims;
  isShown = true;

  constructor(world: World, workspace = 'workspace') {
    this.host = world.host();
    this.claims = new Claims(join(world.folder, workspace), this.host.pid);
    this.environment = new WindowEnvironment(this.claims, this.host.pid, process.getuid?.() ?? -1, {
      changed: (active) => this.seen.push(active && active.environment.devices.join()),
      tell: (message) => this.told.push(message),
      isShown: () => Promise.resolve(this.isShown),
    });
    this.environment.use(world.genv);
  }

  get eid(): string | undefined {
    return this.environment.active?.environment.eid;
  }

  /** Closes the window, or reloads it: the process of its extensions ends. */
  end(): void {
    this.environment.dispose();
    this.host.kill('SIGKILL');
  }
}

test('activate, attach, configure, detach, deactivate', async () => {
  const world = new World();
  const window = new Window(world);
  await window.environment.activate('vscode/project', undefined);
  assert.equal(window.environment.active?.environment.name, 'vscode/project');
  assert.equal(window.environment.active.variables['CUDA_VISIBLE_DEVICES'], '-1');
  await window.environment.activate('again', undefined);
  await window.environment.attach(2);
  assert.equal(window.environment.active.variables['CUDA_VISIBLE_DEVICES'], '0,1');
  await window.environment.configure('gpus', '3');
  assert.deepEqual(window.environment.active.environment.devices, [0, 1, 2]);
  await window.environment.configure('gpu-memory', '2g');
  assert.equal(window.environment.active.variables['GENV_GPU_MEMORY'], '2g');
  await window.environment.detach(1);
  await window.environment.attachDevice(3, false);
  assert.deepEqual(window.environment.active.environment.devices, [0, 2, 3]);
  await window.environment.configure('name', '');
  assert.equal(window.environment.active.environment.name, undefined);
  await assert.rejects(window.environment.attach(9), /cannot attach 9 devices/);
  assert.deepEqual(window.environment.active.environment.devices, []);
  await window.environment.deactivate();
  assert.equal(window.environment.active, undefined);
  assert.equal(world.call('envs', 'query', '--query', 'eid'), '');
  assert.deepEqual(window.told, []);
  await world.end();
});

test('a reloaded window has its environment and devices again; a closed one frees them', async () => {
  const world = new World();
  const before = new Window(world);
  await before.environment.activate('', undefined, { gpus: 2 });
  const eid = before.eid;
  before.end();
  const after = new Window(world);
  await after.environment.resume();
  assert.equal(after.eid, eid);
  assert.equal(after.seen.at(-1), '0,1');
  after.end();
  await until(() => world.call('envs', 'query', '--query', 'eid') === '');
  const later = new Window(world);
  await later.environment.resume();
  assert.equal(later.eid, undefined);
  await world.end();
});

test('a window that is reloaded while its old process still runs waits for that', async () => {
  const world = new World();
  const before = new Window(world);
  await before.environment.activate('', undefined, { gpus: 1 });
  const after = new Window(world);
  const resumed = after.environment.resume();
  before.end();
  await resumed;
  assert.equal(after.eid, before.eid);
  await world.end();
});

test('a process that has lost its window without a word leaves the environment to the reloaded one', async () => {
  const world = new World();
  const before = new Window(world);
  await before.environment.activate('', undefined, { gpus: 2 });
  const { eid } = before;
  before.isShown = false;
  const after = new Window(world);
  await after.environment.resume();
  assert.equal(after.eid, eid);
  assert.equal(after.seen.at(-1), '0,1');
  await until(() => before.eid === undefined);
  assert.match(before.told.join(), /another window of this folder has taken over/);
  assert.deepEqual(after.told, []);
  const pids = world.call('envs', 'query', '--eid', eid ?? '', '--query', 'pids').split(/\s+/).map(Number);
  assert.ok(pids.includes(after.host.pid) && !pids.includes(before.host.pid));
  after.end(); // and not only when the old process ends as well
  await until(() => world.call('envs', 'query', '--query', 'eid') === '');
  await world.end();
});

test('a process that has lost its window keeps the environment where nobody comes for it after all', async () => {
  const world = new World();
  const before = new Window(world);
  await before.environment.activate('', undefined, { gpus: 2 });
  before.isShown = false;
  const asking = new Window(world);
  const resumed = asking.environment.resume();
  asking.end(); // it is not there any more when the environment is given up
  await resumed;
  await until(() => before.claims.list().some((claim) => claim.pid === 0));
  await until(() => before.claims.list().some((claim) => before.claims.isOwn(claim)));
  assert.equal(before.environment.active?.environment.devices.join(), '0,1');
  await before.environment.refresh();
  assert.deepEqual(before.told, []);
  await world.end();
});

test('a window keeps its environment when another one of the folder asks for it', async () => {
  const world = new World();
  const [first, second] = [new Window(world), new Window(world)];
  await first.environment.activate('', undefined, { gpus: 2 });
  await second.environment.resume();
  assert.equal(second.eid, undefined);
  assert.equal(first.environment.active?.environment.devices.join(), '0,1');
  assert.deepEqual(first.told, []);
  await world.end();
});

test('windows of the same workspace have environments of their own, also when both are reloaded', async () => {
  const world = new World();
  const windows = [new Window(world), new Window(world)];
  for (const window of windows) {
    await window.environment.activate('', undefined, { gpus: 1 });
  }
  assert.notEqual(windows[0]?.eid, windows[1]?.eid);
  windows.forEach((window) => window.end());
  const again = [new Window(world), new Window(world), new Window(world)];
  await Promise.all(again.map((window) => window.environment.resume()));
  const eids = again.map((window) => window.eid);
  assert.deepEqual(eids.filter(Boolean).sort(), windows.map((window) => window.eid).sort());
  assert.equal(eids.filter((eid) => eid === undefined).length, 1);
  await world.end();
});

test('a window of another workspace takes nothing over, and deactivation leaves nothing to take', async () => {
  const world = new World();
  const one = new Window(world, 'one');
  await one.environment.activate('', undefined, { gpus: 1 });
  one.end();
  const two = new Window(world, 'two');
  await two.environment.resume();
  assert.equal(two.eid, undefined);
  const again = new Window(world, 'one');
  await again.environment.resume();
  await again.environment.deactivate();
  await until(() => world.call('envs', 'query', '--query', 'eid') === '');
  assert.deepEqual(new Claims(join(world.folder, 'one'), 1).list(), []);
  await world.end();
});

test('changes and the end that others cause are seen', async () => {
  const world = new World();
  const window = new Window(world);
  await window.environment.activate('', undefined);
  world.call('devices', 'attach', '--eid', window.eid ?? '', '--count', '1');
  await until(() => window.seen.at(-1) === '0');
  world.call('envs', 'config', '--eid', window.eid ?? '', 'name', '--name', 'other');
  await until(() => window.environment.active?.environment.name === 'other');
  for (const pid of world.call('envs', 'query', '--query', 'pids').split(' ')) {
    world.call('envs', 'deactivate', '--pid', pid);
  }
  await until(() => window.eid === undefined);
  assert.match(window.told.join(), /has ended/);
  await assert.rejects(window.environment.attach(1), /has no environment/);
  await world.end();
});

test('operations that are started at once come one after the other', async () => {
  const world = new World();
  const window = new Window(world);
  await Promise.all([
    window.environment.activate('', undefined),
    window.environment.activate('', undefined),
    window.environment.attach(2),
    window.environment.configure('gpus', '1'),
    window.environment.refresh(),
  ]);
  assert.deepEqual(window.environment.active?.environment.devices, [0]);
  assert.equal(world.call('envs', 'query', '--query', 'eid'), window.eid);
  await world.end();
});

test('what could not be activated holds nothing, and the next activation works', async () => {
  const world = new World();
  const window = new Window(world);
  window.environment.use(new Genv(world.around('variables', `case "$*" in 'envs variables'*) echo 'genv: no' >&2; exit 1 ;; esac`), world.env));
  for (let i = 0; i < 3; i++) {
    await assert.rejects(window.environment.activate('', undefined, { gpus: 1 }), /^Error: no$/);
    await until(() => world.call('envs', 'query', '--query', 'eid') === '');
  }
  assert.deepEqual(new Claims(join(world.folder, 'workspace'), 1).list(), []);
  window.environment.use(world.genv);
  await window.environment.activate('', undefined, { gpus: 1 });
  assert.deepEqual(window.environment.active?.environment.devices, [0]);
  assert.equal(world.call('envs', 'query', '--query', 'eid'), window.eid);
  await world.end();
});

test('a genv that creates the environment and then hangs', async () => {
  const world = new World();
  const window = new Window(world);
  window.environment.use(new Genv(world.around('hang', `case "$*" in 'envs keep'*) ${genvPath} "$@" >&2; sleep 600; exit ;; esac`), world.env, 3000));
  await assert.rejects(window.environment.activate('', undefined, { gpus: 1 }), /did not answer/);
  await until(() => world.call('envs', 'query', '--query', 'eid') === '');
  await world.end();
});

test('an environment that could not be left either is the one that the next activation enters', async () => {
  const world = new World();
  const window = new Window(world);
  window.environment.use(new Genv(world.around('no', `case "$*" in 'envs variables'* | 'envs deactivate'*) echo 'genv: no' >&2; exit 1 ;; esac`), world.env));
  await assert.rejects(window.environment.activate('', undefined, { gpus: 1 }), /^Error: no$/);
  const left = world.call('envs', 'query', '--query', 'eid');
  window.environment.use(world.genv);
  await window.environment.activate('', undefined, { gpus: 1 });
  assert.equal(window.eid, left);
  assert.equal(world.call('envs', 'query', '--query', 'eid'), left);
  await window.environment.deactivate();
  assert.equal(world.call('envs', 'query', '--query', 'eid'), '');
  await world.end();
});

test('a reload survives a genv that fails for a moment', async () => {
  const world = new World();
  const before = new Window(world);
  await before.environment.activate('', undefined, { gpus: 1 });
  before.end();
  const after = new Window(world);
  const once = join(world.folder, 'once');
  after.environment.use(new Genv(world.around('once', `case "$*" in 'envs variables'* | 'envs keep'*) mkdir ${once}-$2 2>/dev/null && { echo 'genv: no' >&2; exit 1; } ;; esac`), world.env));
  await after.environment.resume();
  assert.equal(after.eid, before.eid);
  await after.environment.deactivate();
  await until(() => world.call('envs', 'query', '--query', 'eid') === '');
  await world.end();
});

test('an environment that ended during the reload is told of if something still has its variables', async () => {
  for (const isCarried of [true, false]) {
    const world = new World();
    const before = new Window(world);
    await before.environment.activate('', undefined, { gpus: 1 });
    const eid = before.eid ?? '';
    const terminal = spawn('sleep', ['600'], { env: isCarried ? { ...world.env, GENV_ENVIRONMENT_ID: eid } : world.env });
    for (const pid of world.call('envs', 'query', '--query', 'pids').split(' ')) {
      world.call('envs', 'deactivate', '--pid', pid);
    }
    before.end();
    const after = new Window(world);
    await after.environment.resume();
    assert.equal(after.eid, undefined);
    assert.equal(world.call('envs', 'query', '--query', 'eid'), '');
    assert.equal(/ended during the reload/.test(after.told.join()), isCarried);
    terminal.kill();
    await world.end();
  }
});

test('a list that is not one does not end the environment', async () => {
  const world = new World();
  const window = new Window(world);
  await window.environment.activate('', undefined, { gpus: 1 });
  for (const odd of ['{}', 'null', '3']) {
    window.environment.use(new Genv(world.program('odd', `echo '${odd}'`), world.env));
    await assert.rejects(window.environment.refresh(), /did not print a list/);
    assert.deepEqual(window.environment.active?.environment.devices, [0]);
  }
  await world.end();
});

test('a device of the list is attached without those of the configuration, which stays', async () => {
  const world = new World();
  const window = new Window(world);
  mkdirSync(join(world.folder, 'project/.genv'), { recursive: true });
  writeFileSync(join(world.folder, 'project/.genv/gpus'), '2\n');
  await window.environment.activate('', join(world.folder, 'project'), { attach: false });
  await window.environment.attachDevice(3, false);
  assert.deepEqual(window.environment.active?.environment.devices, [3]);
  await window.environment.detach();
  await window.environment.attach();
  assert.deepEqual(window.environment.active?.environment.devices, [0, 1]);
  await world.end();
});

test('an environment of a window that is lost can be entered or ended', async () => {
  const world = new World();
  const lost = new Window(world, 'lost');
  await lost.environment.activate('lost', undefined, { gpus: 2 });
  lost.environment.dispose(); // its process goes on, as after a connection that broke
  const window = new Window(world);
  await window.environment.enter(lost.eid ?? '');
  assert.deepEqual(window.environment.active?.environment.devices, [0, 1]);
  await assert.rejects(window.environment.enter(lost.eid ?? ''), /deactivate it first/);
  await window.environment.deactivate();
  await assert.rejects(window.environment.enter('none'), /no environment none/);
  const [other] = await world.genv.environments();
  assert.equal(other?.eid, lost.eid);
  await window.environment.endOther(other!);
  assert.equal(world.call('envs', 'query', '--query', 'eid'), '');
  await world.end();
});
