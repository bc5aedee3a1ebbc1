/* The dashboard that `genv monitor` serves, over the simulated NVML: what happens on the machine is on the page. */
import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {readdirSync, readFileSync, renameSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {axe, open, startBrowser} from './page_browser.mjs';

const INTERVAL = 2;
const NAME = `<img src=x onerror="alert(1)">'"\\ 日本語 naïve`;
const scratch = process.argv[2],
    genvPath = process.env.GENV_BIN;
const env = {
    ...process.env,
    GENV_TMPDIR: `${scratch}/state`,
    GENV_SIMULATOR: `${scratch}/machine.json`,
    LD_LIBRARY_PATH: process.env.GENV_NVML,
};
const children = [];

function start(command, ...args) {
    const child = spawn(command, args, {env, stdio: ['ignore', 'inherit', 'inherit']});
    children.push(child);
    return child;
}

const genv = (...args) => execFileSync(genvPath, args, {env, encoding: 'utf8'});

/* Two devices; the first as @more says. */
function setMachine(more) {
    const devices = [
        {uuid: 'GPU-a', total_memory: '80gi', ...more},
        {uuid: 'GPU-b', total_memory: '80gi'},
    ];
    writeFileSync(`${env.GENV_SIMULATOR}.new`, JSON.stringify({devices}));
    renameSync(`${env.GENV_SIMULATOR}.new`, env.GENV_SIMULATOR);
}

function freePort() {
    return new Promise(done => {
        const server = createServer().listen(0, '127.0.0.1', () => {
            const {port} = server.address();
            server.close(() => done(port));
        });
    });
}

async function startMonitor() {
    const port = await freePort(),
        url = `http://127.0.0.1:${port}/`;
    const monitor = start(
        genvPath,
        'monitor',
        '-p',
        String(port),
        '-i',
        String(INTERVAL),
        '--config-dir',
        `${scratch}/metrics`,
    );
    const answers = () =>
        fetch(`${url}healthz`).then(
            response => response.ok,
            () => false,
        );
    while (!(await answers())) {
        assert.equal(monitor.exitCode, null, 'the monitor ended');
        await new Promise(done => setTimeout(done, 50));
    }
    return url;
}

/* What is served is what is in the source, byte for byte. */
async function compareFiles(url) {
    const folder = process.env.GENV_PAGE_FOLDER;
    const files = readdirSync(folder).filter(name => /\.(html|css|js)$/.test(name));
    assert.ok(files.length >= 3);
    for (const name of files) {
        const response = await fetch(url + (name === 'index.html' ? '' : name));
        assert.equal(await response.text(), readFileSync(`${folder}/${name}`, 'utf8'), name);
        assert.match(response.headers.get('content-type'), /^text\/(html|css|javascript); charset=utf-8$/);
        assert.match(response.headers.get('content-security-policy'), /default-src 'none'/);
    }
}

const deviceText = (page, index) => page.locator('.device').nth(index).innerText();

/* Waits until the first device's card matches @pattern; how many answers that took. */
async function awaitCard(page, answers, pattern) {
    const before = answers.length;
    while (!pattern.test(await deviceText(page, 0))) {
        assert.ok(
            answers.length < before + 5,
            `five answers, and ${pattern} does not match ${await deviceText(page, 0)}`,
        );
        await page.waitForTimeout(20);
    }
    return answers.length - before;
}

async function test(browser) {
    setMachine({});
    const member = start('sleep', '1000');
    genv('envs', 'activate', '--eid', 'first', '--uid', String(process.getuid()), '--pid', String(member.pid));
    genv('envs', 'config', '--eid', 'first', 'name', '--name', NAME);
    const url = await startMonitor();
    await compareFiles(url);
    const {page, problems} = await open(browser, url);
    const answers = [];
    page.on('response', response => response.url().endsWith('/overview') && answers.push(response.status()));
    page.setDefaultTimeout(60000);

    assert.match(await page.locator('#free').innerText(), /2\s+of 2 devices are free/);
    assert.ok((await page.locator('#envs-table').textContent()).includes(NAME));
    assert.match(await deviceText(page, 0), /Free/);

    genv('devices', 'attach', '--eid', 'first', '--index', '0');
    setMachine({utilization: 77, temperature: 66, power: 250000, processes: [{pid: member.pid, used_memory: '20gi'}]});
    const began = Date.now();
    const took = await awaitCard(page, answers, /Held[^]*77%[^]*20 of 80 GiB[^]*66 °C · 250 W/);
    const shown = (Date.now() - began) / 1000;
    console.log(`# a change was on the page after ${shown} s and ${took} answers; the interval is ${INTERVAL} s`);
    /* One that was under way when it happened, one with it. */
    assert.ok(took <= 2, `${took} answers`);
    assert.ok((await deviceText(page, 0)).includes(NAME));
    assert.match(await page.locator('#processes-table').innerText(), new RegExp(`${member.pid}\\s+sleep`));
    assert.match(await page.locator('#news').textContent(), /Device 0 on .* is now held/);

    /* The history grows by what was seen: a point for every ten seconds. */
    const chart = page.locator('.device').first().getByRole('img').first();
    const line = () => chart.locator('.line').getAttribute('d');
    while (
        !/now 77%, lowest .*, highest 77%/.test(await chart.getAttribute('aria-label')) ||
        !/L3600 23\.0$/.test(await line())
    )
        await page.waitForTimeout(100);

    assert.deepEqual(await axe(page), []);
    assert.equal(await page.locator('main img').count(), 0);
    member.kill('SIGKILL');
    await awaitCard(page, answers, /Free/);
    assert.match(await page.locator('#envs').innerText(), /No environment is active\./);
    assert.ok(answers.every(status => status === 200));
    assert.deepEqual(problems, []);
}

const browser = await startBrowser();
try {
    await test(browser);
} finally {
    await browser.close();
    for (const child of children) child.kill('SIGTERM');
}
