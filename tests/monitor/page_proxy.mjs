/* The page of genv monitor at the address given, below a folder: it shows both devices, and its links lead below the
 * same folder. */
import assert from 'node:assert/strict';
import {open, startBrowser} from './page_browser.mjs';

const url = process.argv[2];
const browser = await startBrowser();
try {
    const {page, problems} = await open(browser, url);
    assert.equal(await page.textContent('#free-count'), '2');
    const links = await page.$$eval('nav[aria-label="Raw data"] a', anchors => anchors.map(anchor => anchor.href));
    assert.deepEqual(links, [`${url}metrics`, `${url}api/v1/snapshot`]);
    for (const link of links) assert.equal((await page.request.get(link)).status(), 200);
    assert.deepEqual(problems, []);
} finally {
    await browser.close();
}
