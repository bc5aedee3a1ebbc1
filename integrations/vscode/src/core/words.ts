/** Texts for people, and the checks of what they type. */

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** 2147483648 as "2 GiB", 1500000000 as "1.4 GiB". */
export function amount(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = value >= 10 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** 1, "device" as "1 device". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** In one line, as it reads, without what an editor's notification would take for a link. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ').replace(/\]\(/g, '] (').trim();
}

/** An amount as people type it and genv takes it, exactly: 4000000000 as "4g". */
export function typedAmount(bytes: number): string {
  const forms: [string, number][] = [['gi', 2 ** 30], ['g', 1e9], ['mi', 2 ** 20], ['m', 1e6], ['ki', 2 ** 10], ['k', 1e3]];
  const [unit, size] = forms.find(([, size]) => bytes > 0 && bytes % size === 0) ?? ['', 1];
  return `${bytes / size}${unit}`;
}

/** A setting in seconds, whatever is written there: neither without a pause, nor longer than a timer can wait. */
export function intervalMs(setting: unknown): number {
  const seconds = typeof setting === 'number' && Number.isFinite(setting) ? setting : 5;
  return Math.min(3600, Math.max(1, seconds)) * 1000;
}

const nameBytes = 128;

/** As much of the text as genv takes as the name of an environment. */
export function environmentName(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, ' ').trim();
  let name = '';
  for (const character of clean) {
    if (Buffer.byteLength(name + character) > nameBytes) {
      break;
    }
    name += character;
  }
  return name;
}

/** Why the text is not a name, or undefined. */
export function refuseName(text: string): string | undefined {
  return environmentName(text) === text ? undefined : `A name is one line of up to ${nameBytes} bytes`;
}

/** Why the text is not a number of devices, or undefined; an empty one stands for none in particular. */
export function refuseCount(text: string): string | undefined {
  return /^(\d{1,4})?$/.test(text) ? undefined : 'Enter a whole number, or nothing to clear the count';
}

/** The same for an amount of memory. */
export function refuseMemory(text: string): string | undefined {
  return /^([1-9]\d*([kmg]i?|b)?)?$/i.test(text) ? undefined : 'Enter an amount such as 4g or 512mi, or nothing for whole devices';
}
