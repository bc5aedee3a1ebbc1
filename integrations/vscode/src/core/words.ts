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

/** In one line, without what an editor's notification would take for a link. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').replace(/\]\(/g, '] (').trim();
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
