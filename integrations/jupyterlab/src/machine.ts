/* The state of the machine, asked for while somebody looks at it: never faster than the interval, and not at all while
 * the page is hidden. */
import {Poll} from '@lumino/polling';
import {ISignal, Signal} from '@lumino/signaling';

import {Api} from './api';
import {State} from './model';

/* It lives as long as the page. */
export class Machine {
    constructor(readonly api: Api) {
        this.poll = new Poll<void, unknown>({
            factory: () => this.look(),
            frequency: {interval: 5000, backoff: true, max: 60000},
            standby: () => document.hidden || !this.isWatched
        });
        document.addEventListener('visibilitychange', this.catchUp);
    }

    state: State | null = null;
    /* Why there is nothing newer, or null. */
    problem: string | null = null;

    get changed(): ISignal<this, void> {
        return this.changedSignal;
    }

    setInterval(seconds: number): void {
        this.poll.frequency = {...this.poll.frequency, interval: seconds * 1000, max: Math.max(60, seconds) * 1000};
    }

    /* Somebody who shows the state begins or stops to look. */
    watch(who: object, looks: boolean): void {
        if (looks) {
            this.watchers.add(who);
            this.catchUp();
        } else {
            this.watchers.delete(who);
        }
    }

    /* Somebody sees a part of the state again: looks, unless it is newer than the interval. */
    glance(): void {
        if (!document.hidden && Date.now() - this.lastLook >= this.poll.frequency.interval) {
            void this.look().catch(() => undefined);
        }
    }

    /* Looks at once, because the user asks, or after a change, which a look that is under way may have missed. */
    async refresh(): Promise<void> {
        await this.looking?.catch(() => undefined);
        await this.look().catch(() => undefined); // it is the problem that is shown
    }

    private get isWatched(): boolean {
        return this.watchers.size > 0;
    }

    private look(): Promise<void> {
        this.lastLook = Date.now();
        this.looking ??= this.ask().finally(() => (this.looking = null));
        return this.looking;
    }

    private async ask(): Promise<void> {
        try {
            this.state = await this.api.state();
            this.problem = null;
        } catch (error) {
            this.problem = error instanceof Error ? error.message : String(error);
            throw error; // the poll asks less often then
        } finally {
            this.changedSignal.emit();
        }
    }

    /* What was missed while nobody looked. */
    private readonly catchUp = (): void => {
        if (!document.hidden && this.isWatched && Date.now() - this.lastLook >= this.poll.frequency.interval) {
            void this.poll.refresh(); // and not again before the interval has passed
        }
    };

    private readonly poll: Poll<void, unknown>;
    private readonly watchers = new Set<object>();
    private readonly changedSignal = new Signal<this, void>(this);
    private looking: Promise<void> | null = null;
    private lastLook = 0;
}
