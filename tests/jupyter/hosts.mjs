/* JupyterLab and Notebook in a real Chromium, on a machine with four simulated GPUs: hosts.mjs SCENARIO FOLDER [HOST]. */
import assert from 'node:assert/strict';
import {once} from 'node:events';
import {mkdirSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {axe, env, finish, genv, run, scratch, setMachine, start, startBrowser, startServer, until} from './host.mjs';
import {writeNotebook, writeSettings} from './host.mjs';
import {Notebook} from './notebook.mjs';

const kind = process.argv[4] ?? 'lab';
const STATE = '/jupyterlab-genv/state';

function prepare() {
    for (const folder of ['home', 'work', 'runtime']) mkdirSync(`${scratch}/${folder}`, {recursive: true});
    writeSettings('@jupyterlab/apputils-extension:notification', {fetchNews: 'false', checkForUpdates: false});
    setMachine();
    run('jupyter', 'genv', 'install');
}

/* A page with the notebook train.ipynb, whose kernel is @kernel. */
async function open(kernel = 'python3-genv', options = {}) {
    prepare();
    for (const [plugin, settings] of Object.entries(options.settings ?? {})) writeSettings(plugin, settings);
    writeNotebook('train.ipynb', kernel, options.cells);
    const server = {kind, ...(await startServer(kind))};
    const {browser, page, requests} = await startBrowser(options.browser);
    opened = page;
    const notebook = await Notebook.open(page, server, 'train.ipynb');
    return {server, browser, page, requests, notebook};
}

let opened = null;

const held = () =>
    JSON.parse(genv('snapshot'))
        .devices.filter(({attachments}) => attachments.length)
        .map(({index}) => index);

/* Another program on the machine, in an environment of its own. */
async function startOther(name, ...options) {
    const other = start(process.env.GENV_BIN, ['run', '--name', name, ...options, '--', 'sleep', '600']);
    await until('the other environment', () => genv('envs', 'query', '--query', 'config.name').includes(name.slice(0, 4)));
    return other;
}

async function showPanel(page, notebook) {
    if (kind === 'lab') await page.locator('.jp-SideBar [data-id="genv-panel"]').click();
    else await notebook.command('GPUs', 'Show GPUs');
    const panel = page.locator('#genv-panel');
    await panel.locator('.genv-device').first().waitFor();
    return panel;
}

const scenarios = {
    async flow() {
        const {page, requests, notebook} = await open();
        assert.equal(await notebook.visibleDevices(), '-1');
        const panel = await showPanel(page, notebook);
        assert.equal(await panel.getByText('available').count(), 4);

        await notebook.configure({gpus: '2', memory: '8g', name: 'my training'}, 'Attach');
        await notebook.shows('GPUs 0, 1');
        assert.equal(await notebook.visibleDevices(), '0,1');
        await until('the panel', async () => (await panel.getByText('available').count()) === 2);
        assert.equal(await panel.locator('.genv-holders').getByText('my training').count(), 2);
        assert.match(await panel.locator('.genv-holders').first().textContent(), /you, 8g/);
        assert.deepEqual(held(), [0, 1]);

        await notebook.restart();
        assert.equal(await notebook.visibleDevices(), '0,1');
        assert.deepEqual(held(), [0, 1]);

        await notebook.configure({gpus: '1'}, 'Change');
        await notebook.shows('GPU 0');
        assert.equal(await notebook.visibleDevices(), '0');
        await notebook.configure({}, 'Detach');
        await page.locator('.jp-Dialog').getByText('Detach GPU 0 from train.ipynb?').waitFor();
        assert.deepEqual(held(), [0]);
        await notebook.press('Detach');
        await notebook.shows('GPUs');
        assert.equal(await notebook.visibleDevices(), '-1');
        await notebook.configure({gpus: '1'}, 'Attach');
        await notebook.shows('GPU 0');

        await notebook.menu('Kernel', 'Shut Down Kernel');
        await until('the device to be free', () => held().length === 0);
        await until('the panel', async () => (await panel.getByText('available').count()) === 4);
        await notebook.shows('GPUs');
        const own = requests.filter(({url}) => url.includes('jupyterlab-genv/'));
        assert.ok(own.length > 5);
        assert.deepEqual(own.filter(({url}) => url.includes('token')), []);
    },

    /* A kernel that Jupyter itself starts. */
    async plain() {
        const {notebook} = await open('python3');
        await notebook.configure({gpus: '2'}, 'Attach');
        await notebook.notice('After a restart');
        await notebook.shows('GPUs 0, 1');
        assert.equal(await notebook.visibleDevices(), '0,1');
        assert.match(await notebook.evaluate('__import__("shutil").which("nvidia-smi")'), /\/shims/);
        assert.equal(await notebook.evaluate('sorted(n for n in globals() if n in ("json", "os", "name", "value"))'), '[]');
        await notebook.restart();
        await until('the variables', async () => (await notebook.visibleDevices()) === '0,1');
        const pid = await notebook.evaluate('__import__("os").getpid()');
        await until('its new process', () => genv('envs', 'query', '--query', 'pids').includes(pid));
    },

    async refusals() {
        const {page, notebook} = await open();
        await startOther('other', '--gpus', '3');
        await notebook.configure({gpus: '1'}, 'Attach');
        await notebook.shows('GPU 3');
        await notebook.configure({gpus: '2'}, 'Change');
        assert.match(await notebook.notice('cannot attach'), /2 devices/);
        await notebook.configure({memory: 'much'}, 'Change');
        await notebook.notice('is not an amount of memory');
        await notebook.ask();
        for (const gpus of ['', '5', '-1', '1.5']) {
            await page.locator('#genv-gpus').fill(gpus);
            await page.locator('.jp-Dialog').getByRole('button', {name: 'Change', disabled: true}).waitFor();
        }
        await notebook.press('Cancel');
        assert.equal(await notebook.visibleDevices(), '3');
        assert.deepEqual(held(), [0, 1, 2, 3]);
        await notebook.configure({gpus: '2', share: true}, 'Change');
        await notebook.shows('GPUs 0, 3');
        assert.equal(await page.locator('.jp-Dialog').count(), 0);
    },

    /* What other users call their environments is text, and nothing else. */
    async names() {
        const names = [
            `<img src=x onerror="alert(1)">`,
            `<b>bold</b>, 'single' "double", comma`,
            `\`\$(touch /tmp/x)\` \\n %1 {{0}} 日本語`,
        ];
        const {page, notebook, requests} = await open();
        const panel = await showPanel(page, notebook);
        for (const name of names) await startOther(name, '--gpus', '1');
        for (const name of names) {
            await panel.locator('.genv-holders').getByText(name, {exact: true}).waitFor();
            await panel.locator('.genv-env').getByText(name, {exact: true}).waitFor();
        }
        assert.equal(await panel.locator('img, b, script').count(), 0);
        assert.equal(await panel.locator('.genv-device').count(), 4);
        await notebook.configure({gpus: '1', name: names[0]}, 'Attach');
        await notebook.shows('GPU 3');
        await panel.locator('.genv-own').getByText(names[0], {exact: true}).first().waitFor();
        const own = panel.locator('.genv-env').filter({hasText: 'GPU 3'});
        await own.getByRole('button').click();
        await page.locator('.jp-Dialog').getByText(names[0]).first().waitFor();
        assert.equal(await page.locator('.jp-Dialog img').count(), 0);
        await notebook.press('Detach');
        await notebook.shows('GPUs');
        assert.deepEqual(requests.filter(({url}) => url.startsWith('dialog') || url.endsWith('/x')), []);
    },

    async polling() {
        const interval = 2000;
        const settings = {'genv-jupyter:plugin': {interval: interval / 1000}};
        const {page, notebook, requests} = await open('python3-genv', {settings});
        await showPanel(page, notebook);
        const asked = () => requests.filter(({url}) => url.includes(STATE));
        const more = async count => {
            const before = asked().length;
            await until('further looks', () => asked().length >= before + count);
        };
        await more(2); // what opening brought about has passed
        const from = asked().length;
        await more(4);
        const times = asked().slice(from).map(({time}) => time);
        for (let i = 1; i < times.length; i++) assert.ok(times[i] - times[i - 1] > interval * 0.9, String(times));

        setMachine({utilization: 55});
        await page.locator('#genv-panel').getByText('55 %').first().waitFor();

        const hide = isHidden =>
            page.evaluate(hidden => {
                Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
                Object.defineProperty(document, 'visibilityState', {
                    configurable: true,
                    get: () => (hidden ? 'hidden' : 'visible'),
                });
                document.dispatchEvent(new Event('visibilitychange'));
            }, isHidden);
        const pause = () => new Promise(done => setTimeout(done, 4 * interval));
        await hide(true);
        await new Promise(done => setTimeout(done, interval / 2)); // one that was under way
        const hidden = asked().length;
        await pause();
        assert.equal(asked().length, hidden);
        setMachine({utilization: 66});
        await hide(false);
        await page.locator('#genv-panel').getByText('66 %').first().waitFor();
    },

    /* Nobody looks: the panel is closed, and the status bar does not show it. */
    async quiet() {
        const interval = 2000;
        const settings = {'genv-jupyter:plugin': {interval: interval / 1000, statusBar: false}};
        const {page, notebook, requests} = await open('python3-genv', {settings});
        const asked = () => requests.filter(({url}) => url.includes(STATE)).length;
        await notebook.visibleDevices();
        const before = asked();
        await new Promise(done => setTimeout(done, 4 * interval));
        assert.equal(asked(), before);
        await showPanel(page, notebook);
        await until('the panel to look', () => asked() >= before + 2);
    },

    /* The user attaches in a terminal, and comes back to the page. */
    async back() {
        const {page, notebook} = await open('python3-genv', {settings: {'genv-jupyter:plugin': {interval: 1}}});
        await notebook.visibleDevices();
        const eid = genv('envs', 'query', '--query', 'eid').trim();
        genv('devices', 'attach', '--eid', eid, '--count', '2');
        await new Promise(done => setTimeout(done, 1500)); // what the page knows is old by then
        await page.evaluate(() => globalThis.dispatchEvent(new Event('focus')));
        await notebook.shows('GPUs 0, 1');
        const other = start('sleep', ['600']);
        genv('envs', 'activate', '--eid', eid, '--pid', other.pid);
        await new Promise(done => setTimeout(done, 600)); // for how long the server gives the same answer
        await notebook.ask();
        await page.locator('.genv-about').getByText('a change applies to all').waitFor();
        await notebook.press('Cancel');
    },

    async keyboard() {
        const {page, notebook} = await open();
        await notebook.evaluate('1');
        await page.keyboard.press('Escape');
        await notebook.button.focus();
        await page.keyboard.press('Enter');
        await page.locator('#genv-gpus').waitFor();
        await until('the focus', () => page.evaluate(() => document.activeElement?.id === 'genv-gpus'));
        await page.keyboard.press('Escape');
        await page.locator('.jp-Dialog').waitFor({state: 'detached'});
        assert.deepEqual(held(), []);
        await notebook.command('GPUs', 'Attach GPUs to Notebook…');
        await page.locator('#genv-gpus').waitFor();
        await page.keyboard.press('2');
        await page.keyboard.press('Enter');
        await notebook.shows('GPUs 0, 1');
        const panel = await showPanel(page, notebook);
        const detach = panel.getByRole('button', {name: 'Detach all GPUs from train.ipynb'});
        await detach.focus();
        await page.keyboard.press('Enter');
        await page.locator('.jp-Dialog').waitFor();
        await page.keyboard.press('Enter');
        await notebook.shows('GPUs');
        assert.deepEqual(held(), []);
    },

    async accessible() {
        const themes = ['JupyterLab Light', 'JupyterLab Dark', 'JupyterLab Dark High Contrast'];
        const {page, notebook} = await open();
        await startOther('evaluation', '--gpus', '2', '--gpu-memory', '20g');
        await notebook.configure({gpus: '1'}, 'Attach');
        await notebook.shows('GPU 2');
        await showPanel(page, notebook);
        for (const theme of themes) {
            await page.evaluate(name => globalThis.jupyterapp.commands.execute('apputils:change-theme', {theme: name}), theme);
            await page.locator(`body[data-jp-theme-name="${theme}"]`).waitFor({state: 'attached'});
            assert.deepEqual(await axe(page, '#genv-panel .genv-list'), [], theme);
            assert.deepEqual(await axe(page, '.genv-button'), [], theme);
            await notebook.ask();
            assert.deepEqual(await axe(page, '.genv-form'), [], theme);
            await notebook.press('Cancel');
        }
        const meter = page.locator('#genv-panel').getByRole('meter', {name: 'Memory'}).first();
        assert.equal(await meter.getAttribute('aria-valuetext'), '92 of 141 GiB');
    },

    /* Two people on one hub; as root, each is a user of the machine. */
    async hub() {
        prepare();
        genv('run', 'true'); // makes the state directory, for everybody if this is root
        const hub = await startHub();
        const people = {};
        for (const name of ['alice', 'bob']) {
            mkdirSync(`${scratch}/${name}`, {recursive: true});
            writeNotebook(`../${name}/train.ipynb`, 'python3');
            if (process.getuid() === 0) run('chown', '-R', `${hub.uids[name]}`, `${scratch}/${name}`);
            people[name] = await logIn(hub.url, name);
        }
        const {alice, bob} = people;
        await alice.notebook.configure({gpus: '2', name: 'of alice'}, 'Attach');
        await alice.notebook.shows('GPUs 0, 1');
        await bob.notebook.configure({gpus: '1', name: 'of bob'}, 'Attach');
        await bob.notebook.shows('GPU 2');
        assert.equal(await alice.notebook.visibleDevices(), '0,1');
        assert.equal(await bob.notebook.visibleDevices(), '2');
        const panel = await showPanel(bob.page, bob.notebook);
        assert.equal(await panel.locator('.genv-holders').getByText('of alice').count(), 2);
        if (process.getuid() === 0) {
            assert.equal(await panel.locator('.genv-holders .genv-own').count(), 1);
            assert.equal(await panel.locator('.genv-env').getByRole('button').count(), 1);
        }
        // What is not one's own is neither seen nor changed.
        const {authorization} = bob.requests.findLast(({url}) => url.includes('/user/bob/jupyterlab-genv/')).headers;
        const ask = async path => (await fetch(hub.url + path, {headers: {authorization}})).status;
        assert.equal(await ask('/user/bob/jupyterlab-genv/state'), 200);
        assert.equal(await ask('/user/alice/jupyterlab-genv/state'), 403);
        await alice.notebook.menu('Kernel', 'Shut Down Kernel');
        await until('the devices of alice', () => held().join() === '2');
        const tokens = bob.requests.filter(({url}) => url.includes('jupyterlab-genv') && url.includes('token'));
        assert.deepEqual(tokens, []);
    },

    /* For the documents, and for whoever wants to see. */
    async pictures() {
        const folder = process.env.GENV_TEST_PICTURES ?? scratch;
        const cells = ['import os\n\nos.environ["CUDA_VISIBLE_DEVICES"]', '', ''];
        const browser = {viewport: {width: 1120, height: 640}};
        const {page, notebook} = await open('python3-genv', {cells, browser});
        await startOther('evaluation', '--gpus', '1', '--gpu-memory', '40g');
        for (const theme of ['Light', 'Dark']) {
            await page.evaluate(
                name => globalThis.jupyterapp.commands.execute('apputils:change-theme', {theme: `JupyterLab ${name}`}),
                theme,
            );
            await page.locator(`body[data-jp-theme-name="JupyterLab ${theme}"]`).waitFor({state: 'attached'});
            if (theme === 'Light') {
                await notebook.configure({gpus: '2', name: 'training'}, 'Attach');
                await notebook.shows('GPUs 1, 2');
                await notebook.panel.locator('.jp-CodeCell .cm-content').first().click();
                await page.keyboard.press('Shift+Enter');
                await notebook.panel.getByText("'1,2'").waitFor();
                await showPanel(page, notebook);
                await page.locator('.Toastify__toast').waitFor({state: 'detached'});
            }
            await until('the panel', async () => (await page.locator('#genv-panel .genv-own').count()) === 5);
            await page.locator('#jupyterlab-splash').waitFor({state: 'detached'});
            await page.screenshot({path: `${folder}/jupyter-${kind}-${theme.toLowerCase()}.png`});
            await notebook.ask();
            await page.locator('.jp-Dialog-content').screenshot({path: `${folder}/jupyter-dialog-${theme.toLowerCase()}.png`});
            await notebook.press('Cancel');
        }
    },
};

async function freePort() {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const {port} = server.address();
    server.close();
    return port;
}

async function startHub() {
    const uids = {alice: 60601, bob: 60602};
    const [port, hub, proxy] = [await freePort(), await freePort(), await freePort()];
    const handed = ['GENV_TMPDIR', 'GENV_SIMULATOR', 'LD_LIBRARY_PATH', 'PYTHONPATH', 'JUPYTER_PATH', 'JUPYTER_CONFIG_PATH'];
    const configuration = `
import os
from jupyterhub.auth import DummyAuthenticator
from jupyterhub.spawner import SimpleLocalProcessSpawner

UIDS = ${JSON.stringify(uids)}

class Spawner(SimpleLocalProcessSpawner):
    home_dir_template = ${JSON.stringify(scratch)} + "/{username}"

    def make_preexec_fn(self, name):
        def become():
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(UIDS[name])
                os.setuid(UIDS[name])
        return become

c.JupyterHub.authenticator_class = DummyAuthenticator
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = Spawner
c.JupyterHub.bind_url = "http://127.0.0.1:${port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:${hub}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:${proxy}"
c.JupyterHub.db_url = "sqlite://"
c.JupyterHub.cookie_secret = os.urandom(32)
c.Spawner.environment = ${JSON.stringify(Object.fromEntries(handed.map(name => [name, env[name]])))}
c.Spawner.default_url = "/lab/tree/train.ipynb"
c.Spawner.notebook_dir = ${JSON.stringify(scratch)} + "/{username}"
c.Spawner.args = ["--allow-root"]
`;
    writeFileSync(`${scratch}/hub.py`, configuration);
    const PATH = `${process.env.GENV_JUPYTER_FOLDER}/node_modules/.bin:${process.env.GENV_PAGE_PLAYWRIGHT}:${env.PATH}`;
    start('jupyterhub', ['-f', `${scratch}/hub.py`], {env: {...env, PATH}, cwd: scratch});
    const url = `http://127.0.0.1:${port}`;
    await until('the hub', () => fetch(`${url}/hub/health`).then(({ok}) => ok, () => false));
    return {url, uids};
}

async function logIn(url, name) {
    const {page, requests} = await startBrowser();
    opened = page;
    await page.goto(`${url}/hub/login`);
    await page.locator('#username_input').fill(name);
    await page.locator('#password_input').fill('x');
    await page.locator('#login_submit').click();
    const notebook = new Notebook(page);
    await notebook.button.waitFor();
    await notebook.idle();
    return {page, requests, notebook};
}

try {
    await scenarios[process.argv[2]]();
} catch (error) {
    console.error(genv('envs'), genv('devices'));
    await opened?.screenshot({path: `${scratch}/failed.png`}).catch(() => undefined);
    throw error;
} finally {
    await finish();
}
process.exit();
