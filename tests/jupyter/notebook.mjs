/* A notebook in a page of JupyterLab or Notebook, as somebody uses it. */
import assert from 'node:assert/strict';

export class Notebook {
    constructor(page) {
        this.page = page;
        this.panel = page.locator('.jp-NotebookPanel:visible');
        this.button = this.panel.locator('.genv-button jp-button, .genv-button button').first();
    }

    /* Opens the notebook @name on @server of @kind, "lab" or "notebook". */
    static async open(page, {kind, url, token}, name) {
        await page.goto(`${url}${kind === 'lab' ? 'lab/tree' : 'notebooks'}/${name}?token=${token}`);
        const notebook = new Notebook(page);
        await notebook.button.waitFor();
        await notebook.idle();
        return notebook;
    }

    /* A narrow toolbar hides the indicator. */
    async idle() {
        await this.panel.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first().waitFor({state: 'attached'});
    }

    /* Runs the Python expression in the first cell; what it is. */
    async evaluate(expression) {
        const cell = this.panel.locator('.jp-CodeCell').first();
        const marker = `${Date.now()}`;
        await this.idle();
        await cell.locator('.cm-content').click();
        await this.page.keyboard.press('Control+A');
        await this.page.keyboard.insertText(`print("<${marker}:" + str(${expression}) + ">")`);
        for (let i = 0; ; i++) {
            if (i % 30 === 0 && (await this.isIdle(cell))) await this.page.keyboard.press('Control+Enter');
            const text = (await cell.locator('.jp-OutputArea-output').allTextContents()).join('');
            const value = text.match(new RegExp(`<${marker}:([^]*)>`));
            if (value) return value[1];
            assert.ok(i < 600 && !text.includes('Error'), `no value of ${expression}: ${text}`);
            await new Promise(done => setTimeout(done, 100));
        }
    }

    /* The page may still be setting up its keys when a cell can be typed into already. */
    async isIdle(cell) {
        return !(await cell.locator('.jp-InputPrompt').first().textContent()).includes('*');
    }

    visibleDevices() {
        return this.evaluate('__import__("os").environ.get("CUDA_VISIBLE_DEVICES")');
    }

    /* Clicks the button, and waits until the form can be typed into. */
    async ask() {
        await this.button.click();
        await this.page.waitForFunction(() => document.activeElement?.id === 'genv-gpus');
    }

    /* Clicks the button, fills the form with @fields, and presses @action. */
    async configure(fields, action) {
        await this.ask();
        for (const [name, value] of Object.entries(fields)) {
            if (value === true) await this.page.locator('.genv-form input[type=checkbox]').check();
            else await this.page.locator(`#genv-${name}`).fill(value);
        }
        await this.press(action);
    }

    async press(label) {
        await this.page.locator('.jp-Dialog').getByRole('button', {name: label, exact: true}).click();
    }

    /* Waits until the button says @text. */
    async shows(text) {
        await this.panel.locator('.genv-button').getByText(text, {exact: true}).waitFor();
    }

    /* A command of the palette, by its words. */
    async command(words, label) {
        const input = this.page.locator('.lm-CommandPalette-input, #modal-command-palette input').last();
        // A page that is not ready for it yet loses the key.
        for (let tries = 0; ; tries++) {
            await this.page.keyboard.press('Control+Shift+C');
            try {
                await input.fill(words, {timeout: 5000});
                break;
            } catch (error) {
                if (tries === 10) throw error;
            }
        }
        await this.page
            .locator('.lm-CommandPalette-item:visible')
            .filter({has: this.page.getByText(label, {exact: true})})
            .first()
            .click();
    }

    async menu(name, label) {
        await this.page.locator('.lm-MenuBar-item').getByText(name, {exact: true}).click();
        await this.page.locator('.lm-Menu-item:visible').getByText(label, {exact: true}).click();
    }

    async restart() {
        await this.panel.locator('[data-command="notebook:restart-kernel"], [data-jp-item-name="restart"]').first().click();
        await this.page.locator('.jp-Dialog .jp-mod-accept').click();
        await this.page.locator('.jp-Dialog').waitFor({state: 'detached'});
        await this.idle();
    }

    async notice(text) {
        const toast = this.page.locator('.Toastify__toast').filter({hasText: text}).first();
        await toast.waitFor();
        return toast.textContent();
    }
}
