/**
 * What is counted as one address. Whoever has an IPv6 address has at least 2^64 of them.
 *
 * @module
 */

/** IPv4 as it is, IPv6 without its last 64 bits; `null` for what is no address, such as that of a Unix socket. */
export function addressKey(address: string): string | null {
  if (!address.includes(":")) return address === "" ? null : address;
  const groups = groupsOf(address);
  if (groups === null) return null;
  // Addresses that stand for IPv4 ones differ in nothing but these bits: mapped ones, and those of NAT64 (RFC 6052).
  const prefix = groups.slice(0, 6).join(":");
  if (prefix === "0:0:0:0:0:ffff" || prefix === "64:ff9b:0:0:0:0") {
    return [groups[6], groups[7]]
      .map((group) => Number.parseInt(group as string, 16))
      .flatMap((group) => [group >> 8, group & 255])
      .join(".");
  }
  return `${groups.slice(0, 4).join(":")}::/64`;
}

/** The eight groups of an IPv6 address, in hexadecimal without leading zeros. */
function groupsOf(address: string): readonly string[] | null {
  const [bare = ""] = address.split("%", 1);
  const [head = "", tail] = bare.split("::");
  const before = partsOf(head);
  const after = tail === undefined ? [] : partsOf(tail);
  const missing = 8 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 0) return null;
  return [...before, ...Array.from({ length: missing }, () => "0"), ...after];
}

function partsOf(text: string): readonly string[] {
  if (text === "") return [];
  return text.split(":").flatMap((part) => {
    const bytes = part.split(".").map(Number);
    if (bytes.length !== 4) return [Number.parseInt(part, 16).toString(16)];
    const [a = 0, b = 0, c = 0, d = 0] = bytes;
    return [(a * 256 + b).toString(16), (c * 256 + d).toString(16)];
  });
}
