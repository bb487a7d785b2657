const slots = 14;
const taken = new Map<string, number>();
const mostNames = 1000;

/**
 * The same for the same name, on every page; of the first fourteen names each another one. It is told apart also by its
 * name beside it.
 */
export function serviceColor(name: string): string {
  let slot = taken.get(name);
  if (slot === undefined) {
    slot = hashed(name) % slots;
    const used = new Set(taken.values());
    for (let i = 0; i < slots && used.has(slot); i++) slot = (slot + 1) % slots;
    if (taken.size < mostNames) taken.set(name, slot);
  }
  // Neighbours on the wheel differ in lightness too.
  return `hsl(${Math.round((slot * 360) / slots)} 52% ${slot % 2 === 0 ? 56 : 70}%)`;
}

/** FNV-1a, whose last bits alone would be alike for alike names. */
function hashed(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
  return (hash ^ (hash >>> 12)) >>> 0;
}
