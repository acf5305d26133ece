/** What counts as one address. */

import { expect, test } from "vitest";
import { addressKey } from "../../src/limit/address.ts";

test.each([
  ["203.0.113.7", "203.0.113.7"],
  ["127.0.0.1", "127.0.0.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::1", "2001:db8:1:2::/64"],
  ["2001:0DB8:0001:0002::abcd", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["::", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["1:2:3:4::5.6.7.8", "1:2:3:4::/64"],
  // IPv4 in another dress: as many clients as there are addresses.
  ["::ffff:203.0.113.7", "203.0.113.7"],
  ["::ffff:cb00:7107", "203.0.113.7"],
  ["64:ff9b::203.0.113.7", "203.0.113.7"],
  // A Unix socket, and one that is gone already.
  ["", null],
  ["1:2:3", null],
])("%s counts as %s", (address, key) => {
  expect(addressKey(address)).toBe(key);
});
