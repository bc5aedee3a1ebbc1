/* A machine with simulated GPUs, a Jupyter server on it, and a browser that looks at it. */
import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, renameSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';

const {chromium} = createRequire(`${process.env.GENV_PAGE_PLAYWRIGHT}/`)('./package');
const PATIENCE = 60000;

export const scratch = process.argv[3];
export const env = {
    ...process.env,
    HOME: `${scratch}/home`,
    GENV_TMPDIR: `${scratch}/state`,
    GENV_SIMULATOR: `${scratch}/machine.json`,
    LD_LIBRARY_PATH: process.env.GENV_NVML,
    PATH: `${process.env.GENV_JUPYTER_BIN}:${process.env.PATH}`,
    JUPYTER_RUNTIME_DIR: `${scratch}/runtime`,
};

const children = [];

export function start(command, args, options = {}) {
    const child = spawn(command, args, {env, stdio: ['ignore', 'inherit', 'inherit'], ...options});
    children.push(child);
    return child;
}

export async function end(child, signal = 'SIGTERM') {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise(done => child.once('exit', done));
    child.kill(signal);
    await ended;
}

export const genv = (...args) => execFileSync(process.env.GENV_BIN, args, {env, encoding: 'utf8'});
export const run = (...args) => execFileSync(args[0], args.slice(1), {env, encoding: 'utf8'});

/* Four devices, of which the first works. */
export function setMachine(first = {}) {
    const devices = ['a', 'b', 'c', 'd'].map((letter, i) => ({
        uuid: `GPU-${letter}`,
        name: 'NVIDIA H200',
        total_memory: '141gi',
        used_memory: ['92gi', '12gi', 0, 0][i],
        utilization: [87, 12, 0, 0][i],
    }));
    Object.assign(devices[0], first);
    writeFileSync(`${env.GENV_SIMULATOR}.new`, JSON.stringify({devices}));
    renameSync(`${env.GENV_SIMULATOR}.new`, env.GENV_SIMULATOR);
}

export async function until(what, check) {
    for (let i = 0; i < PATIENCE / 100; i++) {
        const value = await check();
        if (value) return value;
        await new Promise(done => setTimeout(done, 100));
    }
    assert.fail(`waited in vain for ${what}`);
}

/* A notebook file with empty cells, in the folder that the server shows. */
export function writeNotebook(name, kernel, cells = ['']) {
    mkdirSync(`${scratch}/work`, {recursive: true});
    const notebook = {
        cells: cells.map((source, i) => ({
            cell_type: 'code',
            id: `cell-${i}`,
            execution_count: null,
            metadata: {},
            outputs: [],
            source,
        })),
        metadata: {kernelspec: {name: kernel, display_name: kernel, language: 'python'}},
        nbformat: 4,
        nbformat_minor: 5,
    };
    writeFileSync(`${scratch}/work/${name}`, JSON.stringify(notebook));
}

/* Settings of the user, as the editor of settings saves them. */
export function writeSettings(plugin, settings) {
    const [extension, name] = plugin.split(':');
    const folder = `${env.HOME}/.jupyter/lab/user-settings/${extension}`;
    mkdirSync(folder, {recursive: true});
    writeFileSync(`${folder}/${name}.jupyterlab-settings`, JSON.stringify(settings));
}

/* Starts "lab" or "notebook"; its address, with the token. */
export async function startServer(kind, ...options) {
    const server = start('jupyter', [
        kind,
        '--no-browser',
        '--allow-root',
        '--ip=127.0.0.1',
        '--port=0',
        '--expose-app-in-browser',
        '--ServerApp.port_retries=50',
        `--ServerApp.root_dir=${scratch}/work`,
        ...options,
    ]);
    const {url, token} = await until('the server', () => {
        assert.equal(server.exitCode, null, 'the server has ended');
        const file = `${env.JUPYTER_RUNTIME_DIR}/jpserver-${server.pid}.json`;
        const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
        return text.endsWith('}') && JSON.parse(text); // the server is still writing it, otherwise
    });
    return {url, token, process: server};
}

export async function startBrowser(options = {}) {
    const browser = await chromium.launch({
        executablePath: process.env.GENV_PAGE_CHROMIUM,
        args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
    });
    const context = await browser.newContext({viewport: {width: 1280, height: 800}, ...options});
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    const requests = [];
    page.on('request', request => requests.push({url: request.url(), time: Date.now(), headers: request.headers()}));
    page.on('dialog', dialog => {
        requests.push({url: `dialog: ${dialog.message()}`});
        dialog.dismiss();
    });
    return {browser, context, page, requests};
}

/* What axe finds wrong in @selector, one per line. */
export async function axe(page, selector) {
    await page.evaluate(readFileSync(`${process.env.GENV_PAGE_PLAYWRIGHT}/axe.min.js`, 'utf8'));
    const {violations} = await page.evaluate(where => globalThis.axe.run(where), selector);
    return violations.map(({id, help, nodes}) => `${id}: ${help}: ${nodes.map(node => node.html).join(' ')}`);
}

export async function finish() {
    for (const child of children.reverse()) await end(child).catch(() => undefined);
}
