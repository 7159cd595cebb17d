/** Snowflakes: order and time. */

const EPOCH = 1420070400000n;

/** Older first. */
export function compareIds(a, b) {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** When an id was made. */
export function timeOf(id) {
  return new Date(Number((BigInt(id) >> 22n) + EPOCH));
}
