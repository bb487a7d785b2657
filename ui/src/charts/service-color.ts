/** The same for the same name, on every page; told apart also by its name beside it. */
export function serviceColor(name: string): string {
  // FNV-1a, whose last bits alone would be alike for alike names.
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
  return `hsl(${(hash ^ (hash >>> 12)) % 360} 52% ${52 + ((hash >>> 9) % 3) * 8}%)`;
}
