/** Whether somebody looks: visible views are also behind another window, or on a screen that nobody watches at night. */
const patienceMs = 10 * 60_000; // for which the views follow the machine in a window that is not the active one

export class Attention {
  private readonly tell: (isGiven: boolean) => void;
  private timer: NodeJS.Timeout | undefined;
  private isFocused = true;
  private isOver = false;

  /** `tell` hears at every update, and when the patience with a window that is not the active one ends. */
  constructor(tell: (isGiven: boolean) => void) {
    this.tell = tell;
  }

  update(isVisible: boolean, isFocused: boolean): void {
    if (isFocused || this.isFocused) {
      clearTimeout(this.timer);
      this.isOver = false;
    }
    if (!isFocused && this.isFocused) {
      this.timer = setTimeout(() => {
        this.isOver = true;
        this.tell(false);
      }, patienceMs);
    }
    this.isFocused = isFocused;
    this.tell(isVisible && !this.isOver);
  }

  dispose(): void {
    clearTimeout(this.timer);
  }
}
