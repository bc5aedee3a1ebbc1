/* A headless Chromium that tells everything that goes wrong in a page. */
import {createRequire} from 'node:module';
import {readFile} from 'node:fs/promises';

const folder = process.env.GENV_PAGE_PLAYWRIGHT;
const {chromium} = createRequire(`${folder}/`)('./package');

export async function startBrowser() {
    return chromium.launch({
        executablePath: process.env.GENV_PAGE_CHROMIUM,
        args: [
            '--no-sandbox',
            '--disable-gpu',
            '--disable-quic',
            '--no-first-run',
            '--disable-background-networking',
            '--disable-component-update',
            '--disable-sync',
        ],
    });
}

/* A page at @url, with data in it, and what was wrong so far. */
export async function open(browser, url, options = {}) {
    const context = await browser.newContext({viewport: {width: 1280, height: 900}, ...options});
    const page = await context.newPage();
    const problems = [];
    page.on('console', message => {
        if (['error', 'warning'].includes(message.type())) problems.push(`console: ${message.text()}`);
    });
    page.on('pageerror', error => problems.push(`error: ${error.stack}`));
    page.on('dialog', dialog => {
        problems.push(`dialog: ${dialog.message()}`);
        dialog.dismiss();
    });
    page.on('request', request => {
        if (!request.url().startsWith(new URL(url).origin) && !request.url().startsWith('data:'))
            problems.push(`asked elsewhere: ${request.url()}`);
    });
    await page.addInitScript(() =>
        addEventListener('securitypolicyviolation', event =>
            console.error(`security policy: ${event.violatedDirective} ${event.blockedURI}`),
        ),
    );
    await page.goto(url);
    await page.waitForFunction(() => document.getElementById('free-count').textContent !== '–');
    return {page, problems};
}

/* What axe finds wrong, a line each. */
export async function axe(page) {
    await page.evaluate(await readFile(`${folder}/axe.min.js`, 'utf8'));
    const {violations} = await page.evaluate(() => globalThis.axe.run(document));
    return violations.map(
        ({id, help, nodes}) =>
            `${id}: ${help}: ${nodes
                .map(node => node.html)
                .slice(0, 3)
                .join(' ')}`,
    );
}
