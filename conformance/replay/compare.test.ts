import { expect, test } from "vitest";
import { whatDiffers } from "./compare.ts";
import type { ServerEvent } from "./recording.ts";

const text = (data: string): ServerEvent => ({ dir: "recv", conn: "a", kind: "text", data, at_ms: 0 });
const textDiffers = (expected: string, got: string) => whatDiffers(text(expected), { type: "text", text: got });

test("the order of keys does not matter, their values do", () => {
  expect(textDiffers('{"a":1,"b":[1,null]}', '{"b":[1,null],"a":1.0}')).toBeUndefined();
  expect(textDiffers('{"a":1}', '{"a":2}')).toBe("/a differs");
  expect(textDiffers('{"a":1}', '{"a":"1"}')).toBe("/a differs");
  expect(textDiffers('{"a":1}', "{}")).toBe("/a is missing");
  expect(textDiffers("{}", '{"__proto__":1}')).toBe("/__proto__ is extra");
  expect(textDiffers("[1,2]", "[2,1]")).toBe("/0 differs");
  expect(textDiffers("{}", "[]")).toBe("the value differs");
  expect(textDiffers("null", "{}")).toBe("the value differs");
  expect(textDiffers("plain", "other")).toBe("the text differs");
});

test("frames of another kind differ", () => {
  expect(whatDiffers(text("{}"), { type: "binary", data: Buffer.from("{}") })).toBe("not a text frame");
  const binary: ServerEvent = { dir: "recv", conn: "a", kind: "binary", data: "AQI=", at_ms: 0 };
  expect(whatDiffers(binary, { type: "binary", data: Buffer.from([1, 2]) })).toBeUndefined();
  expect(whatDiffers(binary, { type: "binary", data: Buffer.from([1, 3]) })).toBe("the bytes differ");
});

test("close codes and reasons are exact", () => {
  const close: ServerEvent = { dir: "close", conn: "a", code: 1000, reason: "", at_ms: 0 };
  expect(whatDiffers(close, { type: "closed", code: 1000, reason: "" })).toBeUndefined();
  expect(whatDiffers(close, { type: "closed", code: 1005, reason: "" })).toBe("close code 1005 instead of 1000");
  expect(whatDiffers(close, { type: "closed", code: 1000, reason: "x" })).toBe("the reason in the close frame differs");
});

const refusal = (headers: Record<string, string>, body = ""): ServerEvent => ({
  dir: "http_response",
  conn: "a",
  status: 403,
  headers,
  body,
  at_ms: 0,
});

test("of an HTTP answer status, content type and body count, and that no cache may reuse it", () => {
  const expected = refusal({
    "cache-control": "max-age=0, private, must-revalidate",
    date: "<date>",
    server: "Cowboy",
  });
  const seen = { type: "refused", status: 403, headers: { "content-length": "0", vary: "origin" }, body: "" } as const;
  expect(whatDiffers(expected, seen)).toBeUndefined();
  expect(whatDiffers(expected, { ...seen, status: 500 })).toBe("status 500 instead of 403");
  expect(whatDiffers(expected, { ...seen, body: "no" })).toBe("the text differs");
  expect(whatDiffers(expected, { ...seen, headers: { "content-type": "text/plain" } })).toContain("content-type");
  expect(whatDiffers(expected, { ...seen, headers: { "cache-control": "max-age=60" } })).toContain("cache");
});

test("of an upgrade the sub-protocol and the extensions count", () => {
  const upgrade = { upgrade: "websocket", connection: "Upgrade" };
  const expected: ServerEvent = { dir: "upgrade", conn: "a", status: 101, headers: upgrade, at_ms: 0 };
  const seen = { type: "upgraded", status: 101, headers: upgrade, head: "" } as const;
  expect(whatDiffers(expected, seen)).toBeUndefined();
  const deflate = { ...upgrade, "sec-websocket-extensions": "permessage-deflate; client_max_window_bits=15" };
  expect(whatDiffers(expected, { ...seen, headers: deflate })).toContain("sec-websocket-extensions");
  const bare = { ...upgrade, "sec-websocket-extensions": "permessage-deflate" };
  expect(whatDiffers({ ...expected, headers: deflate }, { ...seen, headers: bare })).toBeUndefined();
  const protocol = { ...upgrade, "sec-websocket-protocol": "phoenix" };
  expect(whatDiffers(expected, { ...seen, headers: protocol })).toContain("sec-websocket-protocol");
});

test("printed Elixir terms are compared by meaning", () => {
  const info = (term: string) => JSON.stringify({ info: term });
  const recorded = info('%{uri: %URI{port: 4201, path: "/a"}, x: [{"x-one", "1"}], none: nil}');
  expect(
    textDiffers(recorded, info('%{none: nil, x: [{"x-one","1"}], uri: %URI{path: "/a", port: 1}}')),
  ).toBeUndefined();
  expect(textDiffers(recorded, info('%{none: nil, x: [], uri: %URI{path: "/a", port: 1}}'))).toBe("/info differs");
  expect(textDiffers(recorded, info("printed in another way"))).toBeUndefined();
  expect(textDiffers(recorded, info("%{none: nil, broken"))).toBe("/info differs");
  const keys = ["a", "b"].map((key) => info(`%{h: [{"sec-websocket-key", "${key}"}]}`));
  expect(textDiffers(keys[0] ?? "", keys[1] ?? "")).toBeUndefined();
});

test("of a crash's reason only that it is one counts", () => {
  const recorded = '{"reason":"{%RuntimeError{message: \\"boom\\"}, [{Module, :handle_in, ...}, ...]}"}';
  expect(textDiffers(recorded, '{"reason":"{%Error{message: \\"bang\\"}, []}"}')).toBeUndefined();
  expect(textDiffers(recorded, '{"reason":":normal"}')).toBe("/reason differs");
  expect(textDiffers(recorded, '{"reason":"{:shutdown, :left}"}')).toBe("/reason differs");
  expect(textDiffers('{"reason":"{:shutdown, :left}"}', '{"reason":"{:shutdown, :closed}"}')).toBe("/reason differs");
});
