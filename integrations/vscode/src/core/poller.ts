/** Repeats something while somebody looks, and never twice at the same time. */
export class Poller {
  private readonly look: () => Promise<void>;
  private intervalMs: number;
  private visible = false;
  private running: Promise<void> | undefined;
  private again = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(look: () => Promise<void>, intervalMs: number) {
    this.look = look;
    this.intervalMs = intervalMs;
  }

  setInterval(intervalMs: number): void {
    this.intervalMs = intervalMs;
    this.schedule();
  }

  setVisible(visible: boolean): void {
    if (visible === this.visible) {
      return;
    }
    this.visible = visible;
    if (visible) {
      void this.now();
    } else {
      clearTimeout(this.timer);
    }
  }

  /** Looks now if somebody sees it, once more if it is looking already. */
  now(): Promise<void> {
    if (!this.visible) {
      return Promise.resolve();
    }
    if (this.running) {
      this.again = true;
      return this.running;
    }
    clearTimeout(this.timer);
    this.running = this.repeat().finally(() => {
      this.running = undefined;
      this.schedule();
    });
    return this.running;
  }

  private async repeat(): Promise<void> {
    do {
      this.again = false;
      await this.look();
    } while (this.again && this.visible);
  }

  private schedule(): void {
    clearTimeout(this.timer);
    if (this.visible && !this.running) {
      this.timer = setTimeout(() => void this.now(), this.intervalMs);
    }
  }
}
