// Durations and counts as people read them.

/** 9:41, or 1:02:03 from an hour on. Counting down, a started second counts. */
export function clock(ms: number): string {
  const all = Math.max(0, Math.ceil(ms / 1000));
  const hours = Math.floor(all / 3600);
  const minutes = Math.floor((all % 3600) / 60);
  const seconds = String(all % 60).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${seconds}` : `${minutes}:${seconds}`;
}

/** A place in the video: 0:07, rounded down so that it never names a time past the end. */
export function place(ms: number): string {
  return clock(Math.floor(Math.max(0, ms) / 1000) * 1000);
}

/** 0.8 of a second, as in the list of steps. */
export function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}

/** 12.1 s, 2 min 5 s. */
export function span(ms: number): string {
  if (ms < 60_000) return `${seconds(ms)} s`;
  const all = Math.round(ms / 1000);
  return `${Math.floor(all / 60)} min ${all % 60} s`;
}

/** 12:04:31 of the reader's own day. */
export function timeOfDay(at: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** What a case is called; its number unless its name has one. */
export function caseTitle(one: { index: number; name: string }): string {
  return /^case\b/i.test(one.name) ? one.name : `Case ${one.index + 1}: ${one.name}`;
}

export function plural(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}
