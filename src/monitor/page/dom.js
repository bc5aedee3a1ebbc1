/* Changes the document as little as possible, so that focus, selection and scroll position stay. */

export function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
}

export function svg(tag, attributes = {}, ...children) {
    const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
}

export function setText(node, text) {
    if (node.textContent === text) return;
    if (node.firstChild instanceof Text && node.childNodes.length === 1)
        node.firstChild.data = text; // the same node: a selection across it survives
    else node.textContent = text;
}

export function setAttribute(node, name, value) {
    if (value === null) node.removeAttribute(name);
    else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

const views = new WeakMap();

/* If the focused node disappears, the section around it gets the focus. */
function remove(node) {
    if (node.contains(document.activeElement)) node.closest('section')?.focus({preventScroll: true});
    node.remove();
}

function place(parent, node, before) {
    if (parent.moveBefore && node.parentNode === parent) parent.moveBefore(node, before);
    else parent.insertBefore(node, before);
}

/* Makes @parent's children those of @items, in order: create(item) gives a view {root, update(item)}, which is kept for
 * as long as an item with its key is there. */
export function sync(parent, items, keyOf, create) {
    const old = views.get(parent) ?? new Map();
    const now = new Map();
    for (const item of items) now.set(keyOf(item), old.get(keyOf(item)) ?? create(item));
    for (const [key, view] of old) if (!now.has(key)) remove(view.root);
    views.set(parent, now);
    let next = parent.firstChild;
    for (const item of items) {
        const view = now.get(keyOf(item));
        if (view.root === next) next = next.nextSibling;
        else place(parent, view.root, next);
        view.update(item);
    }
}

/* A list that shows its first @limit items until its button is pressed: a function of (items, keyOf, create). */
export function limitedList(parent, button, limit, noun) {
    let all = false,
        again = () => {};
    button.addEventListener('click', () => {
        all = !all;
        again();
    });
    return (items, keyOf, create) => {
        again = () => {
            sync(parent, all ? items : items.slice(0, limit), keyOf, create);
            button.hidden = items.length <= limit;
            setAttribute(button, 'aria-expanded', String(all));
            setText(
                button,
                all ? `Show the first ${limit} ${noun}` : `Show all ${items.length.toLocaleString('en')} ${noun}`,
            );
        };
        again();
    };
}

/* A table that also reads as a list of cards on narrow screens; the roles keep it a table there. */
export function table(label, titles) {
    const body = el('tbody', {role: 'rowgroup'});
    const head = el(
        'tr',
        {role: 'row'},
        ...titles.map(title => el('th', {role: 'columnheader', scope: 'col', 'data-title': title}, title)),
    );
    return {
        root: el('table', {role: 'table', 'aria-label': label}, el('thead', {role: 'rowgroup'}, head), body),
        head,
        body,
    };
}

/* A row of @titles.length cells, the first of which names it. @cells are nodes or texts. */
export function row(titles, cells) {
    return el(
        'tr',
        {role: 'row'},
        ...cells.map((cell, i) =>
            i === 0
                ? el('th', {role: 'rowheader', scope: 'row', 'data-title': titles[i]}, cell)
                : el('td', {role: 'cell', 'data-title': titles[i]}, cell),
        ),
    );
}
