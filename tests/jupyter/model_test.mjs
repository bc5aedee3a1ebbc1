/* What the front end says about the machine, without a page: node runs the TypeScript as it is. */
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {test} from 'node:test';

const model = await import(`${process.env.GENV_SOURCE}/integrations/jupyterlab/src/model.ts`);

const env = (eid, more = {}) => ({
    eid,
    uid: 1000,
    username: 'paul',
    own: true,
    config: {name: null, gpu_memory: null, gpus: null},
    created_at: 0,
    pids: [],
    kernel_ids: [],
    devices: [],
    uuids: [],
    ...more,
});
const device = (index, eids = [], more = {}) => ({
    index,
    uuid: `GPU-${index}`,
    name: null,
    state: 'ok',
    total_memory: null,
    used_memory: null,
    utilization: null,
    temperature: null,
    attachments: eids.map(eid => ({eid, gpu_memory: null})),
    ...more,
});

test('devices that nobody holds and that work are free', () => {
    const devices = [device(0), device(1, ['a']), device(2, [], {state: 'lost'}), device(3, [], {state: null})];
    assert.equal(model.countFree({devices, envs: []}), 2);
});

test('a holder has the name of its environment, or its identifier', () => {
    const envs = [env('a', {config: {name: 'training', gpu_memory: null, gpus: 1}}), env('b', {own: false})];
    assert.deepEqual(
        model.holders(device(0, ['a', 'b', 'gone']), {devices: [], envs}).map(({title, user, own}) => [title, user, own]),
        [['training', 'paul', true], ['b', 'paul', false], ['gone', '', false]],
    );
});

test('an environment is called as its notebook, if genv takes that for a name', () => {
    assert.equal(model.nameFor('train, "x".ipynb'), 'train, "x".ipynb');
    assert.equal(model.nameFor('日'.repeat(42)), '日'.repeat(42)); // 126 bytes
    assert.equal(model.nameFor('日'.repeat(43)), '');
    for (const name of ['a\nb.ipynb', 'a\u0085b', 'a\u007fb', 'a\u202eb', 'a\u2028b']) assert.equal(model.nameFor(name), '', name);
});

test('the environment of a kernel is one of the user that has it', () => {
    const envs = [env('a', {own: false, kernel_ids: ['k']}), env('b', {kernel_ids: ['k']})];
    assert.equal(model.envOfKernel({devices: [], envs}, 'k').eid, 'b');
    assert.equal(model.envOfKernel({devices: [], envs}, 'other'), null);
    assert.equal(model.envOfKernel({devices: [], envs: [env('c', {kernel_ids: []})]}, undefined), null);
    assert.equal(model.envOfKernel(null, 'k'), null);
});

test('an environment is shared if others than one kernel are in it', () => {
    assert.equal(model.isShared(env('a', {pids: [7], kernel_ids: ['k']})), false);
    assert.equal(model.isShared(env('a', {kernel_ids: ['k']})), false); // it restarts
    assert.equal(model.isShared(env('a', {pids: [7, 8], kernel_ids: ['k']})), true);
    assert.equal(model.isShared(env('a', {pids: [7], kernel_ids: ['k', 'l']})), true);
});

test('numbers of devices are listed, and what cannot be seen is a question mark', () => {
    assert.equal(model.indices(env('a', {devices: [0, null, 2]})), '0, ?, 2');
    assert.equal(model.indices(null), '');
});

test('amounts are short', () => {
    assert.equal(model.gibibytes(0), '0 GiB');
    assert.equal(model.gibibytes(1.5 * 2 ** 30), '1.5 GiB');
    assert.equal(model.gibibytes(140.4 * 2 ** 30), '140 GiB');
    assert.equal(model.usedOf(2 ** 30, 16 * 2 ** 30), '1 of 16 GiB');
});

test('a part of a whole stays between none and all', () => {
    assert.equal(model.percent(1, 4), 25);
    assert.equal(model.percent(5, 4), 100);
    assert.equal(model.percent(-1, 4), 0);
    assert.equal(model.percent(1, 0), 0);
});

test('a wish becomes a request, and what is empty is not asked for', () => {
    assert.deepEqual(model.requestOf({gpus: ' 2 ', memory: ' 4g ', name: ' a b ', share: true}), {
        gpus: 2,
        gpu_memory: '4g',
        name: 'a b',
        over_subscribe: true,
    });
    assert.deepEqual(model.requestOf({gpus: '0', memory: '', name: ' ', share: false}), {
        gpus: 0,
        gpu_memory: null,
        name: null,
        over_subscribe: false,
    });
    for (const gpus of ['', 'x', '-1', '1.5', '1e3', '123456'])
        assert.equal(model.requestOf({gpus, memory: '', name: '', share: false}), null, gpus);
});

test('the program for a running kernel sets exactly the variables, whatever is in them', () => {
    const nasty = `"'\\\n\t\u2028\u0000é😀$(touch x)""" + '''`;
    const state = {
        env: null,
        variables: {NASTY: nasty.replace('\u0000', ''), GONE: null, CUDA_VISIBLE_DEVICES: '0,1'},
        shims: "/a 'b'/shims",
        managed: false,
    };
    const path = '/usr/local/bin:/usr/bin:/bin';
    const script = [
        'import os, json',
        'before = set(globals()) | {"before"}',
        model.pythonProgram(state),
        model.pythonProgram(state), // again, for a second change
        'assert set(globals()) == before, set(globals()) - before',
        'print(json.dumps([os.environ.get(name) for name in ("NASTY", "GONE", "CUDA_VISIBLE_DEVICES", "PATH")]))',
        `print(json.dumps(${model.PYTHON_IS_LATE}))`,
    ].join('\n');
    const printed = execFileSync('python3', ['-c', script], {
        encoding: 'utf8',
        env: {GONE: 'x', PATH: path},
    }).split('\n');
    assert.deepEqual(JSON.parse(printed[0]), [
        state.variables.NASTY,
        null,
        '0,1',
        `${state.shims}:${path}`,
    ]);
    assert.equal(JSON.parse(printed[1]), false);
});

test('PyTorch that uses CUDA already is found', () => {
    const script = `import sys, types
torch = types.SimpleNamespace(cuda=types.SimpleNamespace(is_initialized=lambda: True))
sys.modules["torch"] = torch
print(${model.PYTHON_IS_LATE})`;
    assert.equal(execFileSync('python3', ['-c', script], {encoding: 'utf8'}).trim(), 'True');
});
