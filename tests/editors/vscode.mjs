/* vscode.mjs SCENARIO FOLDER: the extension in real windows, with the real genv and simulated devices. */
import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {Server, until} from './code.mjs';

const [, , scenario, root] = process.argv;
const {GENV_BIN, GENV_VSIX} = process.env;
const fixture = process.env.GENV_FIXTURE;
const env = {...process.env, HOME: root, GENV_TMPDIR: join(root, 'state'), GENV_DEVICES: '4', SHELL: '/bin/bash', PATH: `${dirname(GENV_BIN)}:${process.env.PATH}`};
const started = [];

function genv(...words) {
    return execFileSync(GENV_BIN, words, {env, encoding: 'utf8'}).trim();
}

function environments() {
    return JSON.parse(genv('envs', '--format', 'json'));
}

/* An environment of somebody else. */
function make(name, count) {
    const member = spawn('sleep', ['600'], {stdio: 'ignore'});
    started.push(member);
    genv('envs', 'activate', '--eid', `e${member.pid}`, '--pid', String(member.pid));
    genv('envs', 'config', '--eid', `e${member.pid}`, 'name', `--name=${name}`);
    if (count) genv('devices', 'attach', '--eid', `e${member.pid}`, '--count', String(count));
    return `e${member.pid}`;
}

function write(folder, files) {
    for (const [name, content] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, name)), {recursive: true});
        writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
    }
    return folder;
}

/* Devices that NVML tells of, with what is given for each, in place of those before. */
function machine(...devices) {
    const file = join(root, 'machine.json');
    const all = devices.map((device, index) => ({
        uuid: `GPU-00000000-0000-0000-0000-00000000000${index}`,
        name: 'NVIDIA H100 80GB HBM3',
        total_memory: '80gi',
        ...device,
    }));
    writeFileSync(`${file}.new`, JSON.stringify({devices: all}));
    renameSync(`${file}.new`, file);
    delete env.GENV_DEVICES;
    Object.assign(env, {GENV_SIMULATOR: file, LD_LIBRARY_PATH: process.env.GENV_NVML});
}

function start(settings) {
    return Server.start(root, env, {'genv.path': GENV_BIN, 'genv.refreshInterval': 1, ...settings}, [GENV_VSIX, ...(fixture ? [fixture] : [])]);
}

async function attach(window, count) {
    await window.command('GPUs: Attach Environment to Devices');
    await window.answer(String(count));
    await until(`${count} GPUs in the status bar`, async () => (await window.status())?.includes(`${count} GPU`));
    return environments().at(-1);
}

/* What a program wrote: its variables. */
async function variables(file) {
    await until(file, () => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'));
    return Object.fromEntries(
        readFileSync(file, 'utf8')
            .split('\n')
            .filter(line => line.includes('='))
            .map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
}

function assertInside(found, environment, where) {
    assert.equal(found.GENV_ENVIRONMENT_ID, environment.eid, where);
    assert.equal(found.CUDA_VISIBLE_DEVICES, environment.devices.join(','), where);
    assert.equal(found.GENV_GPUS, String(environment.devices.length), where);
    assert.equal(found.GENV_ENVIRONMENT_NAME, environment.name, where);
    assert.match(found.PATH.split(':')[0], /\/shims(-podman)?$/, where);
}

/* TESTED_SHELL says which shell that was. */
const writeEnv = file => `env TESTED_SHELL=$(sh -c 'ps -o comm= -p $PPID') >${file}.part && mv ${file}.part ${file}`;
const program = `const fs = require('fs');
const lines = Object.entries(process.env).map(([name, value]) => name + '=' + value).join('\\n') + '\\n';
fs.writeFileSync(process.argv[2], lines);`;

/* A project whose programs write their variables into files. */
function project(name) {
    const debug = (label, more) => ({name: label, type: 'node', request: 'launch', program: '${workspaceFolder}/program.js', args: [`${label}.env`], cwd: '${workspaceFolder}', ...more});
    return write(join(root, name), {
        'program.js': program,
        '.vscode/tasks.json': {
            version: '2.0.0',
            tasks: [
                {label: 'shell-task', type: 'shell', command: writeEnv('shell-task.env'), problemMatcher: []},
                {label: 'process-task', type: 'process', command: 'sh', args: ['-c', writeEnv('process-task.env')], problemMatcher: []},
            ],
        },
        '.vscode/launch.json': {
            version: '0.2.0',
            configurations: [debug('debug-console'), debug('debug-terminal', {console: 'integratedTerminal'}), debug('debug-own', {env: {CUDA_VISIBLE_DEVICES: '1'}})],
        },
        'notebook.ipynb': {
            cells: [{cell_type: 'code', execution_count: null, metadata: {}, outputs: [], source: ["import os; open('notebook.env', 'w').write('\\n'.join(f'{k}={v}' for k, v in os.environ.items()) + '\\n')"]}],
            metadata: {language_info: {name: 'python'}},
            nbformat: 4,
            nbformat_minor: 5,
        },
    });
}

const themes = ['Light Modern', 'Dark Modern', 'Dark High Contrast', 'Light High Contrast'];

const scenarios = {
    async surroundings() {
        const folder = project('project');
        const server = await start();
        const window = await server.open(folder);
        const environment = await attach(window, 2);
        const found = {};
        for (const shell of ['bash', 'zsh', 'fish', 'sh'].filter(name => existsSync(`/usr/bin/${name}`))) {
            await window.terminal(shell, writeEnv(`${folder}/terminal-${shell}.env`));
            found[`terminal-${shell}`] = await variables(join(folder, `terminal-${shell}.env`));
            assert.equal(found[`terminal-${shell}`].TESTED_SHELL, shell);
        }
        for (const task of ['shell-task', 'process-task']) {
            await window.command('Tasks: Run Task');
            await window.choose(task);
            found[task] = await variables(join(folder, `${task}.env`));
        }
        for (const session of ['debug-console', 'debug-terminal', 'debug-own']) {
            await window.command('Debug: Select and Start Debugging');
            await window.choose(session);
            found[session] = await variables(join(folder, `${session}.env`));
        }
        await window.openFile('notebook.ipynb');
        await window.command('Notebook: Run All');
        found.notebook = await variables(join(folder, 'notebook.env'));
        await window.command('Fixture: Start a Child');
        found.child = await variables(join(folder, 'child.env'));
        assert.equal(found['debug-own'].CUDA_VISIBLE_DEVICES, '1');
        found['debug-own'].CUDA_VISIBLE_DEVICES = '0,1'; // the user's own value stays
        for (const [where, values] of Object.entries(found)) {
            assertInside(values, environment, where);
            console.log(`# ${where}: environment ${values.GENV_ENVIRONMENT_ID}, devices ${values.CUDA_VISIBLE_DEVICES}`);
        }

        // Outside again.
        await window.command('GPUs: Deactivate Environment');
        await window.button('Deactivate');
        await until('the end of the environment', () => environments().length === 0);
        await window.terminal('bash', writeEnv(`${folder}/outside.env`));
        const outside = await variables(join(folder, 'outside.env'));
        assert.equal(outside.GENV_ENVIRONMENT_ID, undefined);
        assert.equal(outside.CUDA_VISIBLE_DEVICES, undefined);
        return server;
    },

    async reload() {
        const server = await start();
        const window = await server.open(project('project'));
        const {eid, devices} = await attach(window, 2);
        for (let round = 0; round < 3; round += 1) {
            let lost = false;
            const watching = setInterval(() => (lost ||= genv('devices', 'find', '--eid', eid) !== devices.join(',')), 200);
            await window.reload();
            await until('the status bar after a reload', async () => (await window.status())?.includes('2 GPUs'));
            await sleep(1000);
            clearInterval(watching);
            assert.equal(lost, false, 'the devices were free for a moment');
            assert.deepEqual(environments().map(item => item.eid), [eid]);
        }
        await window.terminal('bash', writeEnv(`${root}/project/after.env`));
        assertInside(await variables(join(root, 'project/after.env')), environments()[0], 'after a reload');
        const closed = Date.now();
        await window.close();
        await until('free devices', () => genv('devices', 'find', '--eid', eid) === '');
        console.log(`# closed: free after ${((Date.now() - closed) / 1000).toFixed(1)} seconds`);
        return server;
    },

    /* A shell that genv is set up in follows the window, as it follows other shells. */
    async shell() {
        write(root, {'.bashrc': `PATH=${dirname(GENV_BIN)}:$PATH\neval "$(genv shell --init)"\n`});
        const server = await start();
        const window = await server.open(project('project'));
        const {eid} = await attach(window, 1);
        await window.terminal('bash', writeEnv('one.env'));
        assertInside(await variables(join(root, 'project/one.env')), environments()[0], 'a new terminal');
        await window.command('GPUs: Configure Device Count');
        await window.answer('3');
        await until('three devices', () => genv('devices', 'find', '--eid', eid) === '0,1,2');
        await until('the status bar', async () => (await window.status())?.includes('3 GPUs'));
        await window.type('');
        await window.type(writeEnv('three.env'));
        assertInside(await variables(join(root, 'project/three.env')), environments()[0], 'the same terminal');
        await window.type('genv attach --count 2; genv config name from-the-terminal');
        await until('the status bar to follow', async () => (await window.status())?.includes('2 GPUs'));
        await window.showGpus();
        await window.sees('from-the-terminal');
        return server;
    },

    /* A browser that is killed says nothing to the server, which waits for it to connect again. */
    async lost() {
        const server = await start();
        const folder = project('project');
        const before = await server.open(folder);
        const {eid} = await attach(before, 2);
        await before.crash();
        const after = await server.open(folder);
        await until('the status bar of the new window', async () => (await after.status())?.includes('2 GPUs'));
        await until('the end of the old membership', () => environments()[0].pids.length === 2);
        assert.deepEqual(environments().map(item => item.eid), [eid]);
        await after.close();
        await until('free devices', () => genv('devices', 'find', '--eid', eid) === '');
        return server;
    },

    async windows() {
        const server = await start();
        const folder = project('project');
        const first = await server.open(folder);
        const one = await attach(first, 1);
        const other = await server.open(folder, first); // the same folder, the same browser
        const two = await attach(other, 1);
        const third = await server.open(project('elsewhere'));
        const three = await attach(third, 1);
        assert.equal(new Set([one.eid, two.eid, three.eid]).size, 3);
        await Promise.all([first.reload(), other.reload()]);
        for (const window of [first, other]) await until('a reloaded window', async () => (await window.status())?.includes('1 GPU'));
        assert.equal(environments().length, 3);
        await other.close();
        await until('the end of one of them', () => environments().length === 2);
        await sleep(500);
        assert.match(await first.status(), /1 GPU/);
        assert.match(await third.status(), /1 GPU/);
        return server;
    },

    async commands() {
        const other = make("bob's", 3);
        const server = await start();
        const window = await server.open(project('project'));
        await window.showGpus();
        await until('the devices', async () => (await window.rows('Devices')).length === 4);
        await window.command('GPUs: Activate Environment');
        await until('an environment', () => environments().length === 2);
        const {eid, name} = environments().find(item => item.eid !== other);
        assert.equal(name, 'vscode/project');
        await window.command('GPUs: Attach Environment to Devices');
        await window.answer('2');
        await window.message('cannot attach 2 devices');
        await window.command('GPUs: Share Devices with Other Environments');
        await window.button('Share');
        await until('shared devices', () => genv('devices', 'find', '--eid', eid).split(',').length === 2);
        await window.command('GPUs: Configure Environment Name');
        await window.answer('a, "b" <i>x</i> $(zap)');
        await until('the name', () => environments().some(item => item.name === 'a, "b" <i>x</i> $(zap)'));
        await window.command('GPUs: Configure Device Count');
        await window.answer('1');
        await until('one device', () => !genv('devices', 'find', '--eid', eid).includes(','));
        await window.command('GPUs: Detach Environment from Devices');
        await window.button('Detach');
        await until('no devices', () => genv('devices', 'find', '--eid', eid) === '');
        await window.command('GPUs: Configure Memory on Each Device');
        await window.answer('4g');
        await until('a capacity', () => environments().some(item => item.gpu_memory === 4e9));
        await window.rowButton('Devices', 'GPU 3', 'Attach Device');
        await until('device 3', () => genv('devices', 'find', '--eid', eid) === '3');
        await window.rowButton('Devices', 'GPU 3', 'Detach Device');
        await until('a free row', async () => (await window.rows('Devices'))[3]?.includes('free')); // rows that change lose clicks
        await window.rowButton('Devices', 'GPU 0', 'Share Device');
        await window.button('Share');
        await until('device 0', () => genv('devices', 'find', '--eid', eid) === '0');
        genv('devices', 'detach', '--eid', eid); // as in a terminal
        await until('the status bar to follow', async () => (await window.status())?.includes('No GPUs'));
        await window.command('GPUs: Deactivate Environment');
        await until('the end', () => environments().length === 1);
        await until('an empty view', async () => (await window.rows('Active Environment')).length === 0);
        return server;
    },

    async hostile() {
        const names = ['a, "b"', '<img src=x onerror=alert(1)>', '$(zap) [x](command:workbench.action.quit)', '名前 🐍'];
        names.forEach(name => make(name, 0));
        make(`${'x'.repeat(120)}`, 4);
        const folder = write(join(root, 'a "b", $(id) <i>\n[x](command:y)'), {'program.js': program});
        const server = await start();
        const window = await server.open(folder);
        const dialogs = [];
        window.page.on('dialog', dialog => dialogs.push(dialog.message()) && dialog.dismiss());
        await window.showGpus();
        await until('all environments', async () => (await window.rows('Environments')).length >= 4);
        await window.command('GPUs: Activate Environment');
        await until('the own one', async () => (await window.rows('Active Environment')).length === 4);
        const rows = (await window.rows('Environments')).join('\n');
        for (const name of names) assert.ok(rows.includes(name.replace('](', '] (')), name);
        assert.match(environments().at(-1).name, /^vscode\/a "b", \$\(id\) <i> \[x\]\(command:y\)$/);
        assert.deepEqual(dialogs, []);
        await window.screenshot(join(root, 'hostile.png'));
        return server;
    },

    async failing() {
        const bad = write(join(root, 'bad'), {
            old: "#!/bin/sh\necho \"genv: unknown command 'snapshot': did you mean 'shell'? (try 'genv --help')\" >&2\nexit 2\n",
            slow: '#!/bin/sh\nexec sleep 600\n',
            failing: '#!/bin/sh\necho "genv: the state directory /var/tmp/genv belongs to mallory" >&2\nexit 1\n',
            silent: '#!/bin/sh\nexit 3\n',
            wrong: '#!/bin/sh\necho "<html>"\n',
        });
        execFileSync('sh', ['-c', 'chmod +x *'], {cwd: bad});
        const server = await start({'genv.path': '/none/genv'});
        const window = await server.open(project('project'));
        await window.showGpus();
        await window.sees('genv was not found on this machine');
        for (const [name, words] of [
            ['old', 'too old for this extension'],
            ['failing', 'belongs to mallory'],
            ['silent', 'without a message'],
            ['wrong', 'did not print JSON'],
            ['slow', 'did not answer within 15 seconds'],
        ]) {
            server.change({'genv.path': join(bad, name)});
            await window.sees(words);
            await window.screenshot(join(root, `failing-${name}.png`));
        }
        server.change({'genv.path': GENV_BIN});
        await until('the devices', async () => (await window.rows('Devices')).length === 4);
        await attach(window, 1);

        // It breaks while it is used: what was shown stays, with the reason.
        server.change({'genv.path': join(bad, 'failing')});
        await window.sees('belongs to mallory');
        assert.equal((await window.rows('Devices')).length, 4);
        await window.command('GPUs: Configure Device Count');
        await window.answer('2');
        await window.message('belongs to mallory');
        return server;
    },

    async live() {
        machine({}, {utilization: 30, used_memory: '8gi'});
        const called = join(root, 'called');
        write(root, {counting: `#!/bin/sh\necho "$*" >>${called}\nexec ${GENV_BIN} "$@"\n`});
        execFileSync('chmod', ['+x', join(root, 'counting')]);
        const server = await start({'genv.path': join(root, 'counting')});
        const window = await server.open(project('project'));
        await attach(window, 1);
        await window.showGpus();
        await window.sees('30% · 8 of 80 GiB');
        const {pids} = environments()[0];
        machine({utilization: 97, processes: [{pid: pids[0], used_memory: '40gi'}]}, {utilization: 1});
        await window.sees('97% · 40 of 80 GiB');
        await until('the use of this environment', async () => (await window.rows('Environments')).join().includes('40 GiB'));

        // Nothing is asked while nobody looks.
        await window.command('View: Toggle Primary Side Bar Visibility');
        await sleep(3000);
        const {size} = statSync(called);
        await sleep(5000);
        assert.equal(statSync(called).size, size, readFileSync(called, 'utf8').slice(size));
        await window.command('View: Toggle Primary Side Bar Visibility');
        await until('a new look', () => statSync(called).size > size);
        return server;
    },

    /* For people to look at, and for docs/. */
    async looks() {
        write(root, {'.bashrc': `PATH=${dirname(GENV_BIN)}:$PATH\nPS1='$ '\neval "$(genv shell --init)"\n`});
        machine({}, {}, {}, {});
        const busy = make('evaluation', 1);
        const shared = make('notebook', 0);
        genv('envs', 'config', '--eid', shared, 'gpu-memory', '--gpu-memory', '20gi');
        genv('devices', 'attach', '--eid', shared, '--index', '1');
        const processes = eid => [{pid: environments().find(item => item.eid === eid).pids[0], used_memory: eid === busy ? '61gi' : '12gi'}];
        const others = [
            {utilization: 98, processes: processes(busy)},
            {utilization: 35, processes: processes(shared)},
        ];
        machine(...others, {}, {});
        const server = await start();
        const window = await server.open(project('project'));
        await window.page.setViewportSize({width: 1000, height: 640});
        await window.showGpus();
        await window.widen(60); // names of people and environments are to be read
        await until('the devices', async () => (await window.rows('Devices')).length === 4);
        for (const theme of themes) {
            await window.theme(theme);
            await window.screenshot(join(root, `${theme}, inactive.png`));
        }
        const {pids} = await attach(window, 2);
        machine(...others, {utilization: 91, processes: [{pid: pids[0], used_memory: '41gi'}]}, {utilization: 87, processes: [{pid: pids[0], used_memory: '38gi'}]});
        await window.terminal('bash', 'genv status');
        await window.sees('91% · 41 of 80 GiB');
        for (const theme of themes) {
            await window.theme(theme);
            await window.screenshot(join(root, `${theme}.png`));
        }
        return server;
    },
};

let server;
const kept = Server.start;
Server.start = async (...words) => (server = await kept.apply(Server, words));
try {
    await scenarios[scenario]();
} catch (error) {
    console.log(error.stack);
    for (const [index, page] of (server?.browser?.contexts() ?? []).flatMap(context => context.pages()).entries())
        await page.screenshot({path: join(root, `error-${index}.png`)}).catch(() => undefined);
    process.exitCode = 1;
} finally {
    started.forEach(member => member.kill('SIGKILL'));
    await server?.stop();
    process.exit(); // whatever still holds a pipe of ours
}
