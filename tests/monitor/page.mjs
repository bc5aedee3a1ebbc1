/* page.mjs CASE: one test of the dashboard in Chromium, against a stub of the monitor; page.bats runs them. */
import assert from 'node:assert/strict';
import {axe, open, startBrowser} from './page_browser.mjs';
import * as stub from './page_stub.mjs';

const GIB = 2 ** 30;
const PHONE = {viewport: {width: 360, height: 740}, isMobile: true, hasTouch: true};
const folder = process.env.GENV_PAGE_FOLDER;

/* Two hosts: one with a free, a whole, a shared and a lost device, one that is down. */
function smallWorld() {
    const devices = [0, 1, 2, 3].map(index => stub.device(index));
    const envs = [stub.env('1573', {name: 'training'}), stub.env('2048', {username: 'maria', pids: [2048, 2049]})];
    stub.attach(devices[1], '1573');
    stub.attach(devices[2], '1573', 20 * GIB);
    stub.attach(devices[2], '2048', 40 * GIB);
    Object.assign(devices[1], {utilization: 87, used_memory: 120 * GIB, temperature: 71, power: 612.4});
    Object.assign(devices[2], {utilization: 35, used_memory: 45 * GIB});
    Object.assign(devices[3], {
        state: 'lost',
        total_memory: null,
        used_memory: null,
        utilization: null,
        temperature: null,
        power: null,
    });
    const processes = [
        stub.gpuProcess(4242, '1573', 1, 120),
        stub.gpuProcess(4300, '2048', 2, 45, {username: 'maria'}),
        stub.gpuProcess(99, null, 0, 0.5, {username: 'root', command: 'Xorg'}),
    ];
    return {
        interval: 1,
        hosts: [
            stub.host('alpha', devices, envs, processes, {idle: {2048: 7300}}),
            stub.down('beta', 'cannot connect: No route to host'),
        ],
    };
}

const manyHosts = () =>
    [...Array(100).keys()].map(number =>
        number === 17 ? stub.down('gpu-017', 'it does not answer') : stub.busyHost(number),
    );

/* Waits for @path to be asked for again, and for the page to have used the answer. */
async function nextUpdate(page, server) {
    const asked = () => server.requests.filter(path => path === '/api/v1/overview').length;
    const before = asked();
    while (asked() < before + 2) await page.waitForTimeout(50);
}

const text = (page, selector) => page.locator(selector).innerText();
const noSideways = page =>
    page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth);

const cases = {
    async shows({page}) {
        assert.match(await text(page, '#free'), /1\s+of 4 devices is free, 1 of 2 hosts is up/);
        assert.match(
            await text(page, '#free-hosts'),
            /alpha\s+1 of 4 free\s+Device 0: NVIDIA H200, 141 GiB\s+Device 2: 81 GiB left to share/,
        );
        assert.match(await text(page, '#troubles'), /beta is down: cannot connect: No route to host/);
        assert.match(await text(page, '#troubles'), /device 2: environment 2048 uses more than its capacity of 40 GiB/);
        assert.match(await text(page, '#troubles'), /device 0: 1 process outside any environment/);
        const held = await text(page, '.device >> nth=1');
        for (const part of [
            'Held',
            '87%',
            '120 of 141 GiB',
            '71 °C · 612 W',
            'paul · training (1573)',
            'the whole device, for 25 minutes',
        ])
            assert.ok(held.includes(part), `${part} is not in ${held}`);
        assert.match(
            await text(page, '.device >> nth=2'),
            /maria · 2048\s+45 of 40 GiB in use, for 25 minutes, idle for 2 hours/,
        );
        assert.match(
            await text(page, '#troubles'),
            /alpha environment 2048 of maria holds device 2 and has been idle for 2 hours/,
        );
        assert.match(await text(page, '.device >> nth=3'), /Failed[^]*fell off the bus/);
        const rows = await page.getByRole('table', {name: 'Environments'}).getByRole('row').allInnerTexts();
        assert.deepEqual(
            rows[1].split('\t').map(cell => cell.trim()),
            ['1573', 'training', 'paul', 'alpha', '1, 2', '120 of 161 GiB', '27 minutes ago', '1573'],
        );
        const cells = page.getByRole('table', {name: 'Processes'}).getByRole('row', {name: 'Xorg'}).getByRole('cell');
        assert.deepEqual(await cells.allInnerTexts(), ['Xorg', 'root', 'none', 'alpha', '0: 512 MiB']);
    },

    async live({page, server, world}) {
        stub.attach(world.hosts[0].snapshot.devices[0], '2048', null, 0);
        world.hosts[0].snapshot.devices[0].utilization = 64;
        world.hosts[1] = stub.host('beta', [stub.device(0)]);
        await nextUpdate(page, server);
        assert.match(await text(page, '#free'), /1\s+of 5 devices is free, 2 of 2 hosts are up/);
        assert.match(await text(page, '.device >> nth=0'), /Held[^]*64%[^]*maria · 2048/);
        const news = await page.locator('#news').textContent();
        assert.match(news, /beta is up again\..*Device 0 on alpha is now held by maria\./);
        assert.equal(await page.locator('#news').getAttribute('aria-live'), 'polite');
        world.hosts[0].snapshot.envs.length = 0;
        world.hosts[0].snapshot.devices.forEach(device => (device.attachments.length = 0));
        await nextUpdate(page, server);
        assert.match(await text(page, '#envs'), /No environment is active\./);
    },

    /* Focus, what is selected, what is typed and where one has scrolled to survive updates that change all around. */
    async keeps({page, server, world}) {
        const device = page.locator('.device >> nth=1');
        await device.locator('.holders').scrollIntoViewIfNeeded();
        await page.locator('summary >> nth=1').focus();
        await page.evaluate(() => getSelection().selectAllChildren(document.querySelector('.device .holders bdi')));
        const look = () =>
            page.evaluate(() => [getSelection().toString(), scrollY, document.activeElement.textContent]);
        const before = await look();
        assert.equal(before[0], 'paul');
        for (let i = 0; i < 2; i++) {
            world.hosts[0].snapshot.devices.forEach(item => (item.utilization = 10 + i));
            world.hosts[0].snapshot.processes.unshift(stub.gpuProcess(10 - i, '1573', 1, 1));
            world.hosts[0].snapshot.envs.unshift(stub.env(`new-${i}`));
            await nextUpdate(page, server);
            assert.deepEqual(await look(), before);
        }
        assert.match(await device.innerText(), /11%/);
        await page.locator('#filter').fill('alp');
        await page.locator('#filter').evaluate(input => input.setSelectionRange(1, 2));
        await nextUpdate(page, server);
        assert.deepEqual(
            await page.evaluate(() => {
                const input = document.activeElement;
                return [input.id, input.value, input.selectionStart, input.selectionEnd];
            }),
            ['filter', 'alp', 1, 2],
        );
        /* What had the focus disappears: its section gets it, not the top of the page. */
        await page.locator('#filter').fill('');
        await page.locator('summary >> nth=1').focus();
        world.hosts.pop();
        await nextUpdate(page, server);
        assert.equal(await page.evaluate(() => document.activeElement.id), 'hosts');
    },

    async old({page, server, world, problems}) {
        const alert = page.locator('#alert');
        assert.equal(await alert.innerText(), '');
        world.broken = 503;
        await alert.filter({hasText: 'This data is out of date: the monitor returned status 503. Retrying.'}).waitFor();
        assert.ok(problems.every(problem => problem.includes('503')));
        world.answer = '{"error": "No look at all."}';
        await alert.filter({hasText: 'the monitor says “No look at all.”'}).waitFor();
        delete world.broken;
        await nextUpdate(page, server);
        problems.length = 0;
        await page.waitForFunction(() => document.getElementById('alert').textContent === '');
        world.time = stub.now() - 3600;
        await alert.filter({hasText: 'the monitor has nothing newer'}).waitFor();
        assert.match(await text(page, '#age'), /Updated 1 hour ago/);
        delete world.time;
        await nextUpdate(page, server);
        assert.equal(await alert.innerText(), '');
        await server.stop();
        await alert.filter({hasText: 'the monitor does not answer'}).waitFor();
        assert.match(await text(page, '.device >> nth=1'), /training/);
        problems.length = 0;
    },

    async pause({page, server}) {
        await page.getByRole('button', {name: 'Pause'}).click();
        assert.equal(await page.getByRole('button', {name: 'Pause'}).getAttribute('aria-pressed'), 'true');
        await page.waitForTimeout(500);
        const asked = server.requests.length;
        await page.waitForTimeout(2500);
        assert.equal(server.requests.length, asked);
        await page.getByRole('button', {name: 'Pause'}).click();
        await nextUpdate(page, server);
    },

    async filter({page}) {
        await page.getByRole('searchbox', {name: 'Filter'}).fill('MARIA device');
        assert.match(await text(page, '#matches'), /^1 device, 1 environment, 1 process$/);
        assert.match(await text(page, '.device'), /maria/);
        assert.equal(await page.locator('.device').count(), 1);
        assert.match(page.url(), /\?q=MARIA/);
        await page.reload();
        await page.locator('.device').waitFor();
        assert.equal(await page.locator('#filter').inputValue(), 'MARIA device');
        await page.locator('#filter').fill('nothing of that kind');
        assert.match(await text(page, '#envs'), /No environment matches the filter\./);
        assert.equal(await page.locator('.host').count(), 0);
        await page.locator('#filter').fill('');
        assert.equal(await page.locator('.host').count(), 2);
    },

    /* Nothing that a user, a host or a driver names is ever markup. */
    async text({page, server, world}) {
        const evil = `<img src=x onerror="alert(1)">'"\\ </script><b>日本語 naïve & &amp; ${'\u202e'}rtl`;
        const [alpha] = world.hosts,
            {devices, envs, processes} = alpha.snapshot;
        Object.assign(devices[1], {name: evil});
        Object.assign(envs[0], {name: evil, username: evil});
        Object.assign(processes[0], {command: evil, username: evil});
        alpha.snapshot.driver = evil;
        world.hosts = [
            alpha,
            stub.down(evil, evil),
            stub.host('__proto__', [stub.device(0, {uuid: null})]),
            stub.host('constructor', []),
        ];
        await nextUpdate(page, server);
        assert.equal(await page.locator('main :is(img, b, script)').count(), 0);
        for (const part of ['#troubles', '.device >> nth=1', '#envs-table', '#processes-table', '#host-list'])
            assert.ok((await page.locator(part).textContent()).includes(evil), part);
        assert.equal(await page.locator('.host').count(), 4);
    },

    async charts({page, server, world}) {
        const label = () => page.locator('.device >> nth=1').getByRole('img').first().getAttribute('aria-label');
        const times = [...Array(360).keys()].map(i => stub.now() - (359 - i) * 10);
        const values = times.map((_, i) =>
            i < 100 || (i > 200 && i < 220) ? null : i === 300 ? 99 : i === 301 ? 1 : 50,
        );
        world.history = {step: 10, times, hosts: {alpha: {1: {utilization: values, memory: values.map(() => null)}}}};
        await nextUpdate(page, server);
        assert.equal(
            await label(),
            'Utilization over the last hour: now 50%, lowest 1%, highest 99%, average 50%',
        );
        const path = await page.locator('.device >> nth=1').locator('.busy .line').getAttribute('d');
        assert.equal(path.match(/M/g).length, 2); // a gap where nothing is known
        assert.match(path, /^M1010 50\.0/);
        assert.match(path, /L3600 50\.0$/);
        assert.match(path, /L3010 1\.0L3020 99\.0/);
        assert.equal(
            await page.locator('.device >> nth=1').getByRole('img').nth(1).getAttribute('aria-label'),
            'Memory over the last hour: unknown',
        );
    },

    async keyboard({page}) {
        const focused = () =>
            page.evaluate(() => {
                const node = document.activeElement,
                    style = getComputedStyle(node),
                    box = node.getBoundingClientRect();
                return {
                    name: node.id || node.textContent.trim().slice(0, 20),
                    outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
                    seen: box.width > 8 && box.height > 8,
                };
            });
        const walked = [];
        for (;;) {
            await page.keyboard.press('Tab');
            const at = await focused();
            if (
                at.name === '' ||
                walked.includes(at.name) ||
                (await page.evaluate(() => document.activeElement === document.body))
            )
                break;
            assert.ok(at.outlined && at.seen, `the focus does not show on ${at.name}`);
            walked.push(at.name);
        }
        assert.deepEqual(walked.slice(0, 5), ['Skip to free devices', 'pause', 'filter', 'open-all', 'close-all']);
        assert.ok(walked[5].startsWith('alpha') && walked[6].startsWith('beta'), walked.join());
        assert.deepEqual(walked.slice(7), ['Metrics for Promethe', 'Snapshot as JSON']);
        await page.locator('summary >> nth=0').focus();
        await page.keyboard.press('Enter');
        await page.locator('.device').first().waitFor({state: 'detached'});
        await page.keyboard.press('Space');
        await page.locator('.device >> nth=3').waitFor();
        await page.locator('.skip').focus();
        await page.keyboard.press('Enter');
        assert.equal(await page.evaluate(() => document.activeElement.id), 'free');
    },

    async accessible({browser, server, problems}) {
        for (const scheme of ['light', 'dark'])
            for (const size of [{}, PHONE]) {
                const opened = await open(browser, server.url, {colorScheme: scheme, ...size});
                assert.deepEqual(await axe(opened.page), [], scheme);
                assert.equal(await opened.page.getByRole('row').count(), 7);
                for (const role of ['banner', 'main', 'contentinfo', 'search', 'navigation'])
                    assert.equal(await opened.page.getByRole(role).count(), 1, role);
                problems.push(...opened.problems);
                await opened.page.context().close();
            }
    },

    /* The alert, the pressed button and a button with the pointer on it too. */
    async accessible_when_old({browser, server, world, problems}) {
        world.time = stub.now() - 3600;
        for (const scheme of ['light', 'dark']) {
            const opened = await open(browser, server.url, {colorScheme: scheme});
            await opened.page.locator('#alert').filter({hasText: 'out of date'}).waitFor();
            assert.deepEqual(await axe(opened.page), [], scheme);
            await opened.page.locator('#pause').click();
            assert.deepEqual(await axe(opened.page), [], scheme);
            problems.push(...opened.problems);
            await opened.page.context().close();
        }
    },

    async schemes({browser, server}) {
        const seen = [];
        for (const scheme of ['light', 'dark']) {
            const {page} = await open(browser, server.url, {
                colorScheme: scheme,
                reducedMotion: scheme === 'dark' ? 'reduce' : 'no-preference',
            });
            seen.push(
                await page.evaluate(() => {
                    const [page, text] = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number);
                    return [
                        page + text > 255,
                        getComputedStyle(document.querySelector('.pulse > span > span')).transitionDuration,
                    ];
                }),
            );
            await page.context().close();
        }
        assert.deepEqual(seen, [
            [true, '0.4s'],
            [false, '0s'],
        ]);
    },

    async phone({browser, server, world, problems}) {
        const {page, problems: more} = await open(browser, server.url, PHONE);
        assert.ok(await noSideways(page));
        assert.ok(
            (await page.getByRole('cell', {name: 'python train.py'}).first().boundingBox()).height < 30,
            'on one line',
        );
        const long = 'x'.repeat(128);
        const [alpha] = world.hosts,
            {devices, envs, processes} = alpha.snapshot;
        alpha.name = long;
        Object.assign(devices[1], {name: long});
        Object.assign(envs[0], {name: long, username: long, eid: long, pids: [...Array(50).keys()]});
        devices[1].attachments[0].eid = long;
        Object.assign(processes[0], {command: long, eid: long});
        world.hosts[1].reason = long;
        await nextUpdate(page, server);
        await page.waitForFunction((name) => document.querySelectorAll('.device')[1]?.textContent.includes(name), long);
        for (const width of [320, 360, 600, 961, 1280]) {
            await page.setViewportSize({width, height: 740});
            assert.ok(await noSideways(page), `scrolls sideways at ${width}`);
        }
        problems.push(...more);
    },

    async many({page, server, world}) {
        world.hosts = manyHosts();
        await nextUpdate(page, server);
        assert.match(await text(page, '#free'), /396\s+of 792 devices are free, 99 of 100 hosts are up/);
        assert.equal(await page.locator('.host').count(), 100);
        assert.equal(await page.locator('.device').count(), 0);
        assert.ok((await page.evaluate(() => document.querySelectorAll('*').length)) < 8000);
        await page.locator('summary', {hasText: 'gpu-042'}).click();
        await page.locator('.device >> nth=7').waitFor();
        assert.equal(await page.locator('.device').count(), 8);
        await page.getByRole('button', {name: 'Show all 396 environments'}).click();
        assert.equal(await page.getByRole('table', {name: 'Environments'}).getByRole('row').count(), 397);
        const asked = server.requests.filter(path => path === '/api/v1/history').length;
        await page.getByRole('button', {name: 'Expand all'}).click();
        await page.waitForFunction(() => document.querySelectorAll('.device').length === 792);
        const start = Date.now();
        await nextUpdate(page, server);
        console.log(`# two updates of 100 hosts with 8 devices, all open, one every second: ${Date.now() - start} ms`);
        await page.locator('#filter').fill('gpu-042 device 3');
        assert.match(await text(page, '#matches'), /^1 device/);
        assert.equal(await page.locator('.device').count(), 1);
        /* The history is megabytes here, and not fetched with every update. */
        assert.ok(server.requests.filter(path => path === '/api/v1/history').length <= asked + 1);
    },
};

const world = smallWorld();
const server = await startServer();
const browser = await startBrowser();

async function startServer() {
    return stub.startStub(folder, world);
}

try {
    const {page, problems} = await open(browser, server.url);
    page.setDefaultTimeout(30000);
    await cases[process.argv[2]]({browser, page, server, world, problems});
    assert.deepEqual(problems, []);
} finally {
    await browser.close();
    await server.stop().catch(() => null);
}
