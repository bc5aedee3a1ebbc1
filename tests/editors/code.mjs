/* Windows of Visual Studio Code in Chromium: code-server, driven as a person does it. */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {createServer} from 'node:net';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';

const {GENV_CODE_SERVER, GENV_CODE_NODE, GENV_CODE_CHROMIUM, GENV_CODE_PLAYWRIGHT} = process.env;
const {chromium} = createRequire(`${GENV_CODE_PLAYWRIGHT}/`)('./package');

export async function until(what, condition, seconds = 60) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
        const result = await condition();
        if (result) return result;
        if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
        await sleep(100);
    }
}

async function freePort() {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const {port} = server.address();
    server.close();
    return port;
}

const quiet = {
    'chat.disableAIFeatures': true,
    'debug.javascript.autoAttachFilter': 'disabled',
    'security.workspace.trust.enabled': false,
    'task.quickOpen.skip': true,
    'telemetry.telemetryLevel': 'off',
    'terminal.integrated.confirmOnExit': 'never',
    'terminal.integrated.profiles.linux': Object.fromEntries(
        ['bash', 'zsh', 'fish', 'sh'].map(name => [name, {path: name}]),
    ),
    'window.confirmBeforeClose': 'never',
    'workbench.enableExperiments': false,
    'workbench.secondarySideBar.defaultVisibility': 'hidden',
    'workbench.startupEditor': 'none',
};

export class Server {
    /* Extensions are folders, or .vsix files. */
    static async start(folder, env, settings, extensions) {
        const server = new Server();
        env = {...env, EXTENSIONS_GALLERY: '{}'}; // it would ask one on the internet
        const user = join(folder, 'user');
        server.extensionsFolder = join(folder, 'extensions');
        for (const scope of ['User', 'Machine']) mkdirSync(join(user, scope), {recursive: true});
        writeFileSync(join(folder, 'config.yaml'), 'auth: none\n');
        server.user = user;
        server.change(settings);
        writeFileSync(join(user, 'User/settings.json'), JSON.stringify(quiet));
        const options = ['--config', join(folder, 'config.yaml'), '--user-data-dir', user, '--extensions-dir', server.extensionsFolder];
        const entry = join(GENV_CODE_SERVER, 'out/node/entry.js');
        for (const extension of extensions) {
            const install = spawn(GENV_CODE_NODE, [entry, ...options, '--install-extension', extension], {env, stdio: ['ignore', 'ignore', 'inherit']});
            const [status] = await once(install, 'exit');
            if (status !== 0) throw new Error(`cannot install ${extension}`);
        }
        server.port = await freePort();
        server.process = spawn(
            GENV_CODE_NODE,
            [entry, ...options, '--bind-addr', `127.0.0.1:${server.port}`, '--disable-telemetry', '--disable-update-check', '--disable-workspace-trust'],
            {env, detached: true, stdio: ['ignore', 'pipe', 'inherit']},
        );
        await new Promise(resolve =>
            server.process.stdout.on('data', chunk => String(chunk).includes('HTTP server listening') && resolve()),
        );
        server.browser = await chromium.launch({executablePath: GENV_CODE_CHROMIUM, args: ['--no-sandbox', '--disable-gpu', '--no-first-run']});
        return server;
    }

    /* Changes settings of the machine, which windows notice. */
    change(settings) {
        this.machine = {...this.machine, ...settings};
        writeFileSync(join(this.user, 'Machine/settings.json'), JSON.stringify(this.machine));
    }

    /* A window on @folder (undefined: on none) in a browser of its own, or as a further tab of @other's. */
    async open(folder, other) {
        const context = other?.context ?? (await this.browser.newContext({viewport: {width: 1280, height: 800}}));
        const page = await context.newPage();
        const query = folder === undefined ? '?ew=true' : `?folder=${encodeURIComponent(folder)}`;
        await page.goto(`http://127.0.0.1:${this.port}/${query}`);
        const window = new Window(this, context, page);
        await window.ready();
        return window;
    }

    /* Its processes are a group of their own. */
    async stop() {
        await this.browser?.close();
        for (const signal of ['SIGTERM', 'SIGKILL']) {
            try {
                process.kill(-this.process.pid, signal);
                await sleep(2000);
            } catch {
                return; // nobody is left
            }
        }
    }
}

export class Window {
    constructor(server, context, page) {
        this.server = server;
        this.context = context;
        this.page = page;
    }

    async ready() {
        await this.page.waitForSelector('.statusbar-item', {timeout: 60_000});
        await this.page.waitForSelector('[aria-label="GPUs"], .activitybar', {timeout: 60_000});
    }

    /* The list of commands is that of the moment in which it is opened. */
    async command(title, label = title) {
        const row = this.page.locator(`.quick-input-list .monaco-list-row[aria-label^="${label}"]`).first();
        for (let tries = 0; ; tries += 1) {
            await this.page.keyboard.press('F1');
            const input = this.page.locator('.quick-input-widget input.input');
            await input.waitFor();
            await input.fill(`>${title}`);
            try {
                return await row.click({timeout: 2000});
            } catch (error) {
                if (tries === 10) throw error;
                await this.page.keyboard.press('Escape');
            }
        }
    }

    /* What is typed into the box that a command opens. */
    async answer(text) {
        const input = this.page.locator('.quick-input-widget input.input');
        await this.page.locator('.quick-input-widget:not([style*="display: none"]) .quick-input-message').waitFor();
        await input.fill(text);
        await this.page.keyboard.press('Enter');
    }

    /* An item of the list that a command opens. */
    async choose(label) {
        await this.page.locator(`.quick-input-list .monaco-list-row[aria-label^="${label}"]`).first().click();
    }

    async button(label) {
        await this.page.locator('.monaco-dialog-box .monaco-button').getByText(label, {exact: true}).click();
    }

    /* A notification. */
    message(text) {
        return this.page.locator('.notification-list-item-message', {hasText: text}).first().waitFor();
    }

    /* Words in the views. */
    sees(text) {
        return this.page.locator('.pane-body', {hasText: text}).first().waitFor();
    }

    async openFile(name) {
        await this.page.keyboard.press('Control+p');
        await this.page.locator('.quick-input-widget input.input').fill(name);
        await this.choose(name);
        await this.page.locator('.notebook-editor, .editor-instance').first().waitFor();
    }

    /* Types @line into a new terminal with @shell: bash, zsh, fish or sh. */
    async terminal(shell, line) {
        const label = this.page
            .locator('.quick-input-list .monaco-highlighted-label')
            .filter({hasText: new RegExp(`^\\s*${shell}\\s*$`)})
            .first();
        // This list, too, is that of the moment: it has no shells before the server has looked for them.
        for (let tries = 0; ; tries += 1) {
            await this.command('Terminal: Create New Terminal (With Profile)', 'Create New Terminal (With Profile)');
            try {
                await label.click({timeout: 5000});
                break;
            } catch (error) {
                if (tries === 10) throw error;
                await this.page.keyboard.press('Escape');
            }
        }
        const screen = this.page.locator('.terminal-wrapper.active .xterm-helper-textarea');
        await screen.waitFor();
        await this.page.waitForTimeout(1500); // a shell that reads its start-up files shows nothing else to wait for
        await this.type(line);
    }

    /* Types @line into the terminal that is shown. */
    async type(line) {
        await this.page.locator('.terminal-wrapper.active .xterm-helper-textarea').focus();
        await this.page.keyboard.type(`${line}\n`);
    }

    /* A button that a row has while the mouse is over it. */
    async rowButton(view, label, button) {
        const row = this.pane(view).locator(`.monaco-list-row[aria-label^="${label}"]`);
        await row.hover();
        await row.locator(`.action-label[aria-label^="${button}"]`).click();
    }

    async theme(name) {
        await this.command('Preferences: Color Theme');
        await this.page.locator('.quick-input-widget input.input').fill(name);
        await this.choose(name);
        await this.page.waitForTimeout(500);
    }

    screenshot(path) {
        return this.page.screenshot({path});
    }

    status() {
        return this.page.locator('#genv\\.genv-vscode\\.genv\\.status').innerText().catch(() => undefined);
    }

    pane(view) {
        return this.page.locator('.pane', {has: this.page.locator(`.pane-header[aria-label^="${view}"]`)});
    }

    /* The texts of the rows of a view. */
    async rows(view) {
        return this.pane(view).locator('.monaco-list-row').evaluateAll(rows => rows.map(row => row.innerText.replace(/\s+/g, ' ').trim()));
    }

    async showGpus() {
        await this.page.locator('.activitybar [aria-label^="GPUs"]').first().click();
        await this.page.mouse.move(700, 400);
    }

    /* The side bar. */
    async widen(pixels) {
        const {x, y, width} = await this.page.locator('.part.sidebar').boundingBox();
        await this.page.mouse.move(x + width + 2, y + 200);
        await this.page.mouse.down();
        await this.page.mouse.move(x + width + 2 + pixels, y + 200, {steps: 5});
        await this.page.mouse.up();
    }

    async reload() {
        await this.page.reload();
        await this.ready();
    }

    async crash() {
        const session = await this.context.newCDPSession(this.page);
        const crashed = once(this.page, 'crash');
        session.send('Page.crash').catch(() => undefined); // nobody is left to answer
        await crashed;
    }

    close() {
        return this.page.close({runBeforeUnload: false});
    }
}
