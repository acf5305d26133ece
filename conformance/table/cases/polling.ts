// The answers of long-poll, request by request.
import { deepStrictEqual, match } from "node:assert/strict";
import { type Case, longPollOnly, type Stage } from "../case.ts";
import { decode, encode, type Message, versionOf } from "../message.ts";

/** A session, in requests. `/short` has a window of 300 ms, after another half of which it ends, and tokens for two seconds. */
class Poller {
  readonly #stage: Stage;
  readonly #path: string;
  token = "";

  constructor(stage: Stage, mount: string) {
    this.#stage = stage;
    this.#path = `${mount}/longpoll?vsn=${versionOf(stage.vsn)}`;
  }

  async get(headers: Readonly<Record<string, string>> = { "x-phoenix-longpoll-token": this.token }) {
    const answer = await this.#stage.json("GET", this.#path, { headers });
    return answer as { status: number; token?: string; messages?: string[] };
  }

  async post(body: string, headers: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const session = { "x-phoenix-longpoll-token": this.token };
    return (await this.#stage.json("POST", this.#path, { body, headers: { ...session, ...headers } }))["status"];
  }

  postWith(query: string, body: string) {
    return this.#stage.json("POST", `${this.#path}${query}`, { body });
  }

  /** What a poll brought, which has to have something. */
  async read(): Promise<Message[]> {
    const { status, token, messages = [] } = await this.get();
    deepStrictEqual({ status, sameToken: token === this.token }, { status: 200, sameToken: true });
    return messages.map((text) => decode(this.#stage.vsn, text));
  }
}

async function begin(stage: Stage, mount = "/socket"): Promise<Poller> {
  const poller = new Poller(stage, mount);
  const { status, token, messages } = await poller.get({});
  deepStrictEqual({ status, messages }, { status: 410, messages: [] });
  match(String(token), /^[\w.-]+$/);
  poller.token = String(token);
  return poller;
}

const heartbeat = (stage: Stage, ref: string): string =>
  String(encode(stage.vsn, { joinRef: null, ref, topic: "phoenix", event: "heartbeat", payload: {} }));

const refsOf = (messages: readonly Message[]): unknown[] => messages.map(({ ref }) => ref);

const ndjson = { "content-type": "application/x-ndjson" };

const polled: readonly Omit<Case, "leftOut">[] = [
  {
    id: "poll-begins",
    says: "the first GET is answered 410 with a token, inside an HTTP 200 of JSON that nobody may keep",
    async run(stage) {
      await begin(stage);
      const { status, headers } = await stage.request("GET", `/short/longpoll?vsn=${versionOf(stage.vsn)}`);
      deepStrictEqual(
        [status, headers["content-type"], headers["access-control-allow-origin"], headers["cache-control"]],
        [200, "application/json; charset=utf-8", "*", "no-store"],
      );
    },
  },
  {
    id: "poll-brings",
    says: "a POST is answered 200, and the next poll brings what there is, in order",
    async run(stage) {
      const poller = await begin(stage);
      for (const ref of ["a", "b", "c"]) deepStrictEqual(await poller.post(heartbeat(stage, ref)), 200);
      deepStrictEqual(refsOf(await poller.read()), ["a", "b", "c"]);
    },
  },
  {
    id: "poll-window",
    says: "a poll without anything to bring is answered 204 after the window, and the session lives",
    async run(stage) {
      const poller = await begin(stage, "/short");
      const startedMs = Date.now();
      const { status, messages } = await poller.get();
      deepStrictEqual({ status, messages }, { status: 204, messages: [] });
      if (Date.now() - startedMs < 250) throw new Error("Expected the window of 300 ms to pass first");
      deepStrictEqual(await poller.post(heartbeat(stage, "a")), 200);
      deepStrictEqual(refsOf(await poller.read()), ["a"]);
    },
  },
  {
    id: "poll-waits",
    says: "a poll under way is answered as soon as there is something",
    async run(stage) {
      const poller = await begin(stage);
      const topic = stage.topic();
      await poller.post(String(encode(stage.vsn, { joinRef: "11", ref: "1", topic, event: "phx_join", payload: {} })));
      deepStrictEqual(refsOf(await poller.read()), ["1"]);
      const waiting = poller.read();
      const body = JSON.stringify({ topic, event: "news", payload: { x: 1 } });
      await stage.json("POST", "/broadcast", { body, headers: { "content-type": "application/json" } });
      const joinRef = stage.vsn === 1 ? undefined : null;
      deepStrictEqual(await waiting, [{ joinRef, ref: null, topic, event: "news", payload: { x: 1 } }]);
    },
  },
  {
    id: "poll-content-type",
    says: "a body is one message whatever its content type says",
    async run(stage) {
      const poller = await begin(stage);
      for (const type of [
        "application/json",
        "text/plain",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
      ]) {
        deepStrictEqual(await poller.post(heartbeat(stage, type), { "content-type": type }), 200);
        deepStrictEqual(refsOf(await poller.read()), [type]);
      }
    },
  },
  {
    id: "poll-no-session",
    says: "a POST without a session, or with a broken token, is 410; a GET then begins a new one",
    async run(stage) {
      const poller = await begin(stage);
      for (const token of ["", "garbage", `${poller.token}A`, poller.token.slice(0, -4)]) {
        deepStrictEqual(await poller.post(heartbeat(stage, "a"), { "x-phoenix-longpoll-token": token }), 410);
        deepStrictEqual((await poller.get({ "x-phoenix-longpoll-token": token })).status, 410);
      }
      deepStrictEqual(await poller.post(heartbeat(stage, "b")), 200);
    },
  },
  {
    id: "poll-token-places",
    says: "the token may come in the query or in its header, which wins",
    async run(stage) {
      const poller = await begin(stage);
      deepStrictEqual((await poller.postWith(`&token=${poller.token}`, heartbeat(stage, "a")))["status"], 200);
      deepStrictEqual((await poller.postWith("&token=garbage", heartbeat(stage, "b")))["status"], 410);
      deepStrictEqual((await poller.postWith(`&token[]=${poller.token}`, heartbeat(stage, "c")))["status"], 410);
      deepStrictEqual(refsOf(await poller.read()), ["a"]);
    },
  },
  {
    id: "poll-unpolled",
    says: "a session that nobody polls ends: then POST and GET with its token are 410",
    async run(stage) {
      const poller = await begin(stage, "/short");
      // Longer than one and a half windows, twice: Phoenix looks only so often.
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      deepStrictEqual(await poller.post(heartbeat(stage, "a")), 410);
      deepStrictEqual((await poller.get()).status, 410);
    },
  },
  {
    id: "poll-disconnected",
    says: "disconnect by id ends the session: its token is worth nothing afterwards",
    async run(stage) {
      const id = stage.unique();
      const { token } = await stage.json("GET", `/limit3/longpoll?vsn=${versionOf(stage.vsn)}&id=${id}`);
      const poller = new Poller(stage, "/limit3");
      poller.token = String(token);
      deepStrictEqual(await poller.post(heartbeat(stage, "a")), 200);
      deepStrictEqual(refsOf(await poller.read()), ["a"]);
      await stage.json("POST", `/disconnect?id=${id}`);
      await poller.get();
      deepStrictEqual(await poller.post(heartbeat(stage, "b")), 410);
    },
  },
  {
    id: "poll-token-ages",
    says: "a token that is too old is 410, however busy its session",
    async run(stage) {
      const poller = await begin(stage, "/short");
      const startedMs = Date.now();
      let status = 204;
      while (status === 204 && Date.now() - startedMs < 10_000) status = (await poller.get()).status;
      const aliveMs = Date.now() - startedMs;
      deepStrictEqual(status, 410);
      if (aliveMs < 1_900) throw new Error(`Expected the token to last 2000 ms, was dead after ${aliveMs} ms`);
      deepStrictEqual(await poller.post(heartbeat(stage, "a")), 410);
    },
  },
  {
    id: "poll-batch",
    says: "several lines of application/x-ndjson are as many messages, in order",
    async run(stage) {
      const poller = await begin(stage);
      const lines = ["a", "b", "c"].map((ref) => heartbeat(stage, ref));
      deepStrictEqual(await poller.post(lines.join("\n"), ndjson), 200);
      deepStrictEqual(refsOf(await poller.read()), ["a", "b", "c"]);
    },
  },
  {
    id: "poll-batch-limit",
    says: "a batch holds a hundred messages; of more Phoenix drops the rest, and ours refuses the whole",
    async run(stage) {
      const poller = await begin(stage);
      const lines = Array.from({ length: 101 }, (_, i) => heartbeat(stage, String(i)));
      const refs = lines.slice(0, 100).map((_, i) => String(i));
      deepStrictEqual(await poller.post(lines.slice(0, 100).join("\n"), ndjson), 200);
      deepStrictEqual(refsOf(await poller.read()), refs);
      const status = await poller.post(lines.join("\n"), ndjson);
      if (stage.strict || status === 200) {
        deepStrictEqual({ status, refs: refsOf(await poller.read()) }, { status: 200, refs });
        return;
      }
      deepStrictEqual(status, 413);
      deepStrictEqual(await poller.post(heartbeat(stage, "after")), 200);
      deepStrictEqual(refsOf(await poller.read()), ["after"]);
    },
  },
  {
    id: "poll-batch-mixed",
    says: "a line of a batch that isn't text is a binary message in base64",
    async run(stage) {
      const poller = await begin(stage);
      const topic = stage.topic();
      const message = { joinRef: "11", topic };
      const lines = [
        encode(2, { ...message, ref: "1", event: "phx_join", payload: {} }),
        encode(2, { ...message, ref: "2", event: "echo", payload: Buffer.from("bytes") }).toString("base64"),
        encode(2, { ...message, ref: "3", event: "echo", payload: { a: 1 } }),
      ];
      deepStrictEqual(await poller.post(lines.join("\n"), ndjson), 200);
      const { messages = [] } = await poller.get();
      const [joined, binary = "", echoed] = messages;
      deepStrictEqual(decode(2, joined ?? "").ref, "1");
      const { ref, payload } = decode(2, Buffer.from(binary));
      deepStrictEqual({ ref, payload }, { ref: "2", payload: { status: "ok", response: Buffer.from("bytes") } });
      deepStrictEqual(decode(2, echoed ?? "").payload, { status: "ok", response: { a: 1 } });
    },
  },
  {
    id: "poll-slow-channel",
    says: "a POST is answered once the message is taken, not once its channel is done",
    async run(stage) {
      const poller = await begin(stage);
      const message = { joinRef: "11", topic: stage.topic() };
      await poller.post(String(encode(stage.vsn, { ...message, ref: "1", event: "phx_join", payload: {} })));
      const slow = encode(stage.vsn, { ...message, ref: "2", event: "sleep", payload: { ms: 2_000 } });
      deepStrictEqual(await poller.post(String(slow)), 200);
      deepStrictEqual(refsOf(await poller.read()), ["1"]);
      deepStrictEqual(refsOf(await poller.read()), ["2"]);
    },
  },
  {
    id: "poll-methods",
    says: "OPTIONS tells pages what they may ask; methods other than GET and POST are HTTP 400",
    async run(stage) {
      const path = `/short/longpoll?vsn=${versionOf(stage.vsn)}`;
      const asked = { "access-control-request-headers": "content-type,x-foo", origin: "http://localhost" };
      const { status, headers } = await stage.request("OPTIONS", path, { headers: asked });
      deepStrictEqual(
        [
          status,
          headers["access-control-allow-headers"],
          headers["access-control-allow-methods"],
          headers["access-control-max-age"],
          headers["access-control-allow-origin"],
        ],
        [200, "content-type,x-foo", "get, post, options", "3600", "*"],
      );
      for (const method of ["PUT", "DELETE", "PATCH", "HEAD"]) {
        deepStrictEqual([method, (await stage.request(method, path)).status], [method, 400]);
      }
    },
  },
  {
    id: "poll-origin",
    says: "the origin is checked on every request, of a session too",
    async run(stage) {
      const poller = await begin(stage);
      const evil = { origin: "http://evil.example" };
      deepStrictEqual(await poller.post(heartbeat(stage, "a"), evil), 403);
      deepStrictEqual(await poller.get({ ...evil, "x-phoenix-longpoll-token": poller.token }), { status: 403 });
      deepStrictEqual(await poller.post(heartbeat(stage, "b"), { origin: "http://localhost" }), 200);
      deepStrictEqual(refsOf(await poller.read()), ["b"]);
    },
  },
];

const version2 = new Set(["poll-batch", "poll-batch-limit", "poll-batch-mixed"]);

export const polling: readonly Case[] = polled.map((each) => ({
  ...each,
  leftOut: (cell) => longPollOnly(cell) || (version2.has(each.id) && cell.vsn === 1 && "batches are of version 2"),
}));
