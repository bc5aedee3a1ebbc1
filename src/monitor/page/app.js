/* The dashboard: fetches what the monitor knows, regularly, and shows it. */
import {el, limitedList, setText, sync} from './dom.js';
import {count, ago, describe, news, seconds, select, troubles} from './model.js';
import {envTable, hostView, processTable, tileView, troubleView} from './views.js';

const OPEN_HOSTS = 4; // with up to this many hosts, all are open
const MANY_DEVICES = 64; // with more than this the history is large, and fetched less often
const RARELY = 60;
const PATIENCE = 10000; // milliseconds to wait for an answer
const $ = id => document.getElementById(id);

const NO_SERIES = {memory: [], utilization: []};
const state = {
    model: null,
    history: null,
    historyAt: -Infinity,
    failure: '',
    ageAtFetch: 0,
    fetchedAt: 0,
    paused: false,
};

/* What the views need to know. */
const page = {
    time: 0,
    openByDefault: true,
    history(host, index) {
        const {step = 1, times = [], hosts = {}} = state.history ?? {};
        const devices = Object.hasOwn(hosts, host) ? hosts[host] : {};
        return {step, times, series: Object.hasOwn(devices, index) ? devices[index] : NO_SERIES};
    },
};

const show = {
    tiles: limitedList($('free-hosts'), $('free-all'), 12, 'hosts'),
    troubles: limitedList($('troubles'), $('troubles-all'), 10, 'problems'),
    envs: envTable(page),
    processes: processTable(),
};
const hostViews = new Map();

function showFree(hosts, filtered) {
    const devices = hosts.flatMap(host => host.devices);
    const free = devices.filter(device => device.free).length;
    const freeOn = host => host.devices.filter(device => device.free).length;
    const up = hosts.filter(host => host.up).length;
    setText($('free-count'), String(free));
    setText(
        $('free-total'),
        `of ${count(devices.length, filtered ? 'matching device' : 'device')} ${free === 1 ? 'is' : 'are'} free` +
            (hosts.length > 1 ? `, ${up} of ${count(hosts.length, 'host')} ${up === 1 ? 'is' : 'are'} up` : ''),
    );
    show.tiles(
        hosts
            .filter(host => host.devices.some(device => device.free || device.room > 0))
            .sort((a, b) => freeOn(b) - freeOn(a)),
        host => host.name,
        tileView,
    );
    document.title = `${free} free · GPUs`;
}

function showTroubles(hosts) {
    const list = troubles(hosts);
    $('trouble').hidden = !list.length;
    show.troubles(list, trouble => trouble.key, troubleView);
}

function showHosts(hosts) {
    page.openByDefault = hosts.length <= OPEN_HOSTS;
    $('unfold').hidden = hosts.length < 2;
    sync(
        $('host-list'),
        hosts,
        host => host.name,
        host => {
            const view = hostView(page);
            hostViews.set(host.name, view);
            return view;
        },
    );
    for (const [name, view] of hostViews) if (!view.root.isConnected) hostViews.delete(name);
}

function render() {
    if (!state.model) return;
    const filter = $('filter').value;
    const filtered = filter.trim() !== '';
    const hosts = select(state.model, filter);
    const envs = hosts.flatMap(host => host.envs),
        processes = hosts.flatMap(host => host.processes);
    page.time = state.model.time;
    document.body.classList.toggle('single', state.model.hosts.length === 1);
    showFree(hosts, filtered);
    showTroubles(hosts);
    showHosts(hosts);
    show.envs(envs, filtered ? 'No environment matches the filter.' : 'No environment is active.');
    show.processes(processes, filtered ? 'No process matches the filter.' : 'No process uses a device.');
    const devices = hosts.reduce((total, host) => total + host.devices.length, 0);
    setText(
        $('matches'),
        filtered
            ? [
                  count(devices, 'device'),
                  count(envs.length, 'environment'),
                  count(processes.length, 'process', 'processes'),
              ].join(', ')
            : '',
    );
}

/* Seconds since the data was collected, by the server's clock until it arrived and then by one that nobody sets. */
const age = () => state.ageAtFetch + (performance.now() - state.fetchedAt) / 1000;

function showAge() {
    if (!state.model) {
        setText($('alert'), state.failure && `No data yet: ${state.failure}. Retrying.`);
        return;
    }
    const old = !state.paused && age() > 2 * state.model.interval + 5;
    document.body.classList.toggle('old', old);
    setText($('age'), `${state.paused ? 'Paused, updated' : 'Updated'} ${ago(age())}`);
    setText(
        $('alert'),
        old
            ? `This data is out of date: ${state.failure || 'the monitor has nothing newer'}. Retrying.`
            : '',
    );
}

/* What is at @path, as @read understands it, and the server's time. */
async function fetchJson(path, read) {
    let response;
    try {
        response = await fetch(path, {cache: 'no-cache', signal: AbortSignal.timeout(PATIENCE)});
    } catch {
        throw new Error('the monitor does not answer');
    }
    if (!response.ok) {
        const {error} = await response.json().catch(() => ({}));
        throw new Error(error ? `the monitor says “${error}”` : `the monitor returned status ${response.status}`);
    }
    try {
        return {json: read(await response.json()), date: Date.parse(response.headers.get('date')) / 1000};
    } catch {
        throw new Error('the monitor sent invalid data');
    }
}

/* The sentences stay until there are new ones, for those who read slowly. */
function announce(sentences) {
    if (sentences.length) $('news').replaceChildren(...sentences.map(sentence => el('p', {}, sentence)));
}

async function fetchOverview() {
    const {json: model, date} = await fetchJson('api/v1/overview', describe);
    const isNew = model.time !== state.model?.time;
    if (isNew && state.model) announce(news(state.model, model));
    Object.assign(state, {
        model,
        failure: '',
        ageAtFetch: Math.max(0, (date || model.time) - model.time),
        fetchedAt: performance.now(),
    });
    return isNew;
}

async function fetchHistory() {
    const devices = state.model.hosts.reduce((total, host) => total + host.devices.length, 0);
    const pause = devices > MANY_DEVICES ? RARELY : 0;
    if (performance.now() - state.historyAt < pause * 1000) return;
    const {json} = await fetchJson('api/v1/history', history => ({...history, times: history.times.map(seconds)}));
    state.history = json;
    state.historyAt = performance.now();
}

/* Fetches now, and returns the seconds until the next fetch, when new data should be there. */
async function refresh() {
    const interval = state.model?.interval ?? 2;
    try {
        const isNew = await fetchOverview();
        if (isNew) await fetchHistory().catch(() => null); // charts can wait
        render();
        const left = state.model.interval - age() + 0.2;
        return left > 0.5 || !isNew ? Math.min(state.model.interval, Math.max(0.5, left)) : 1;
    } catch (error) {
        state.failure = error.message;
        return Math.min(interval, 10);
    } finally {
        showAge();
    }
}

let timer = 0;

async function run() {
    clearTimeout(timer);
    const wait = await refresh();
    clearTimeout(timer);
    if (!state.paused) timer = setTimeout(run, wait * 1000);
}

function setPaused(paused) {
    state.paused = paused;
    $('pause').setAttribute('aria-pressed', String(paused));
    clearTimeout(timer);
    showAge();
    if (!paused) run();
}

function filterChanged() {
    const url = new URL(location.href);
    const filter = $('filter').value.trim();
    if (filter) url.searchParams.set('q', filter);
    else url.searchParams.delete('q');
    history.replaceState(null, '', url);
    render();
}

const chooseAll = open => () => hostViews.forEach(view => view.choose(open));

$('filter').value = new URL(location.href).searchParams.get('q') ?? '';
$('filter').addEventListener('input', filterChanged);
$('search').addEventListener('submit', event => event.preventDefault());
$('pause').addEventListener('click', () => setPaused(!state.paused));
$('open-all').addEventListener('click', chooseAll(true));
$('close-all').addEventListener('click', chooseAll(false));
setInterval(showAge, 1000);
run();
