// Who gets in, and what the others are told.
import { deepStrictEqual, match } from "node:assert/strict";
import { type Case, type Cell, type Stage, webSocketOnly } from "../case.ts";
import { unmatched } from "../client.ts";

const info = { mount: "/info/acme", paths: { websocket: "/ws/sub1", longpoll: "/lp" } };

/** A refusal has no body on WebSocket, and none beside the status on long-poll. */
async function expectRefused(stage: Stage, ...args: Parameters<Stage["refusal"]>): Promise<void> {
  deepStrictEqual(await stage.refusal(...args), { status: 403, body: "" });
}

/** A server that refuses everybody refuses too much. */
async function expectLetIn(stage: Stage, ...args: Parameters<Stage["connect"]>): Promise<void> {
  const client = await stage.connect(...args);
  await client.expectNothing();
}

async function tokenOf(stage: Stage, user: string): Promise<string> {
  const { token } = await stage.json("GET", `/token?${new URLSearchParams({ user, salt: "salt identifier" })}`);
  return String(token);
}

/** What a channel on `info:*` tells of the connection, as one text: its shape is the application's own. */
async function told(stage: Stage, ...args: Parameters<Stage["connect"]>): Promise<string> {
  const client = await stage.connect(...args);
  const { ref } = client.sendJoin(stage.topic("info"));
  const message = await client.next();
  deepStrictEqual(message.ref, ref);
  return JSON.stringify(message.payload).replaceAll("\\", "");
}

const webSocketMounts = ["/socket", "/m_a", "/m_b", "/m_open", "/m_default", "/compress", "/nodrain"];
const longPollMounts = ["/socket", "/m_a", "/m_default"];

const v1Only = ({ vsn }: Cell): string | false => vsn === 2 && "the version has to be said to be 2";

export const connecting: readonly Case[] = [
  {
    id: "mounts",
    says: "one socket answers on every path it is mounted on, of several segments too, each its own",
    async run(stage) {
      const mounts = stage.transport === "websocket" ? webSocketMounts : longPollMounts;
      for (const options of [...mounts.map((mount) => ({ mount })), info]) {
        const client = await stage.connect(options);
        const room = await client.join(stage.topic());
        await room.ask("echo", { on: options.mount }, { on: options.mount });
      }
    },
  },
  {
    id: "version-missing",
    says: "no vsn means version 1",
    leftOut: v1Only,
    async run(stage) {
      const client = await stage.connect({ version: null });
      await client.join(stage.topic());
    },
  },
  {
    id: "version-refused",
    says: "a vsn that nobody speaks, or that is no full version, is 403",
    async run(stage) {
      await expectLetIn(stage);
      for (const version of ["2", "2.0", "2.1.0", "3.0.0", "0.9.0", "", "nonsense", "2.0.0.0"]) {
        await expectRefused(stage, { version });
      }
    },
  },
  {
    id: "version-not-spoken-here",
    says: "a mount may speak one version only",
    leftOut: webSocketOnly,
    async run(stage) {
      const client = await stage.connectAs({ transport: "websocket", vsn: 2 }, { mount: "/v2only" });
      await client.join(stage.topic());
      await expectRefused(stage, { mount: "/v2only", version: "1.0.0" });
    },
  },
  {
    id: "connect-refused",
    says: "connect that refuses, with or without a reason, is 403 with an empty body",
    async run(stage) {
      await expectLetIn(stage);
      await expectRefused(stage, { params: { reject: "error" } });
      await expectRefused(stage, { params: { reject: "reason" } });
    },
  },
  {
    id: "connect-nonsense",
    says: "connect that answers nonsense is 403, one that throws is 500",
    async run(stage) {
      await expectLetIn(stage);
      await expectRefused(stage, { params: { reject: "badret" } });
      deepStrictEqual((await stage.refusal({ params: { reject: "raise" } })).status, 500);
    },
  },
  {
    id: "refusal-of-its-own",
    says: "the mount may answer a refusal with a status and body of its own; long-poll clients get 403",
    async run(stage) {
      await expectLetIn(stage, info);
      const answer = (reject: string) => stage.refusal({ ...info, params: { reject } });
      if (stage.transport === "longpoll") {
        for (const reason of ["rate_limit", "unauthorized", "other"]) {
          deepStrictEqual(await answer(reason), { status: 403, body: "" });
        }
        return;
      }
      deepStrictEqual(await answer("rate_limit"), { status: 429, body: "Too many requests" });
      deepStrictEqual(await answer("unauthorized"), { status: 401, body: "unauthorized" });
      deepStrictEqual(await answer("other"), { status: 403, body: "forbidden" });
    },
  },
  {
    id: "refused-before-the-handshake",
    says: "whoever is refused gets 403 even without upgrade headers; the others are told what is missing",
    leftOut: webSocketOnly,
    async run(stage) {
      await expectLetIn(stage);
      const get = (query: string) => stage.request("GET", `/socket/websocket?vsn=${stage.vsn}.0.0${query}`);
      deepStrictEqual((await get("&reject=error")).status, 403);
      const { status, body } = await get("");
      deepStrictEqual(status, 400);
      match(body, /connection|upgrade/i);
    },
  },
  {
    id: "methods",
    says: "a method that is no GET is 400 on the WebSocket's path",
    leftOut: webSocketOnly,
    async run(stage) {
      await expectLetIn(stage);
      for (const method of ["POST", "PUT", "DELETE"]) {
        const { status, body } = await stage.request(method, `/socket/websocket?vsn=${stage.vsn}.0.0`);
        deepStrictEqual({ method, status, body }, { method, status: 400, body: "" });
      }
    },
  },
  {
    id: "token-in-params",
    says: "a signed token among the params says who it is; none, another's or a broken one is 403",
    async run(stage) {
      const user = stage.unique();
      const token = await tokenOf(stage, user);
      const client = await stage.connect({ mount: "/auth_socket", params: { token } });
      const room = await client.join(`user:${user}`, {}, { user_id: user });
      await room.ask("whoami", {}, { user_id: user });
      const other = client.sendJoin(`user:${stage.unique()}`);
      await other.room.expectReply(other.ref, "error", { reason: "unauthorized" });
      const { token: foreign } = await stage.json("GET", `/token?user=${user}&salt=other`);
      for (const bad of ["", "garbage", String(foreign), `${token}A`, token.slice(0, -6)]) {
        await expectRefused(stage, { mount: "/auth_socket", params: { token: bad } });
      }
      await expectRefused(stage, { mount: "/auth_socket" });
    },
  },
  {
    id: "token-beside-params",
    says: "a token may come as a sub-protocol, or in long-poll's header, and is not echoed",
    async run(stage) {
      const user = stage.unique();
      const options = { mount: "/token_socket", authToken: await tokenOf(stage, user) };
      const text = await told(stage, options);
      deepStrictEqual(text.includes(user), true);
      await expectRefused(stage, { mount: "/token_socket" });
      await expectRefused(stage, { mount: "/token_socket", authToken: `${user}.garbage` });
      await stage.connect({ mount: "/token_socket", params: { anon: "1" } });
    },
  },
  {
    id: "subprotocols",
    says: "the first of the server's sub-protocols that was offered is chosen; none offered is fine, none matching is 403",
    leftOut: webSocketOnly,
    async run(stage) {
      const chosen = async (mount: string, protocols: readonly string[]) => {
        const client = await stage.connect({ mount, protocols });
        await client.join(stage.topic());
        return client.protocol;
      };
      deepStrictEqual(await chosen("/subproto", ["chat", "sip"]), "sip");
      deepStrictEqual(await chosen("/subproto", ["x", "chat"]), "chat");
      deepStrictEqual(await chosen("/subproto", []), null);
      deepStrictEqual(await chosen("/socket", ["anything"]), null);
      await expectRefused(stage, { mount: "/subproto", protocols: ["x"] });
      const user = stage.unique();
      const authToken = await tokenOf(stage, user);
      const client = await stage.connect({ mount: "/token_socket", authToken });
      deepStrictEqual(client.protocol, "phoenix");
    },
  },
  {
    id: "params",
    says: "connect sees the query and the variables of the path, which win over the query",
    async run(stage) {
      const params = { foo: "bar", tenant: "override" };
      const client = await stage.connect({ ...info, params });
      const { ref } = client.sendJoin(stage.topic("info"));
      const { ref: answered, payload } = await client.next();
      deepStrictEqual(answered, ref);
      const { response } = payload as { readonly response: { readonly params: unknown } };
      const text = JSON.stringify(response.params);
      const wanted = stage.transport === "websocket" ? ["acme", "bar", "sub1"] : ["acme", "bar"];
      for (const value of wanted) match(text, new RegExp(value));
      deepStrictEqual(text.includes("override"), false);
    },
  },
  {
    id: "connect-info",
    says: "connect sees of the request what it asked for: headers, address, URI, and a value of its own",
    async run(stage) {
      const headers = { "x-one": "first", "x-two": "second", "user-agent": "agent/7", other: "unasked" };
      const text = await told(stage, {
        ...info,
        headers: { ...headers, traceparent: "00-abc" },
        params: { foo: "bar" },
      });
      const everywhere = ["x-one", "first", "x-two", "second", "foo=bar", "/info/acme/"];
      const onWebSocket = ["agent/7", "traceparent", "00-abc", "sec-websocket-version", "val", "address"];
      const wanted = stage.transport === "websocket" ? [...everywhere, ...onWebSocket] : everywhere;
      deepStrictEqual(
        wanted.filter((value) => !text.includes(value)),
        [],
      );
      deepStrictEqual(text.includes("unasked"), false);
    },
  },
  {
    id: "session",
    says: "a cookie session is handed over only with the CSRF token that fits it",
    leftOut: (cell) => webSocketOnly(cell) && "the application asks for the session on WebSocket only",
    async run(stage) {
      const { headers, body: csrf } = await stage.request("GET", "/session");
      const cookie = String(headers["set-cookie"]).split(";")[0] ?? "";
      const isSeen = async (params: Readonly<Record<string, string>>) => {
        const text = await told(stage, { ...info, params, headers: { cookie } });
        return /"who" => "me"|who.{1,6}me\b/.test(text);
      };
      deepStrictEqual(await isSeen({ _csrf_token: csrf }), true);
      deepStrictEqual(await isSeen({ _csrf_token: "bad" }), false);
      deepStrictEqual(await isSeen({}), false);
    },
  },
  {
    id: "one-transport",
    says: "a mount of one transport has no address for the other",
    async run(stage) {
      const mount = stage.transport === "websocket" ? "/wsonly" : "/lponly";
      const client = await stage.connect({ mount });
      const room = await client.join(stage.topic());
      await room.ask("echo", { a: 1 }, { a: 1 });
      const path = stage.transport === "websocket" ? "/wsonly/longpoll" : "/lponly/websocket";
      deepStrictEqual((await stage.request("GET", `${path}?vsn=${stage.vsn}.0.0`)).status, 404);
    },
  },
  {
    id: "heartbeat",
    says: "a heartbeat is answered ok on its own topic, with its ref as it came",
    async run(stage) {
      const client = await stage.connect();
      for (const ref of ["7", 7, null, "é😀"]) {
        client.send({ joinRef: null, ref, topic: "phoenix", event: "heartbeat", payload: {} });
        await client.expect({
          joinRef: null,
          ref,
          topic: "phoenix",
          event: "phx_reply",
          payload: { status: "ok", response: {} },
        });
      }
    },
  },
  {
    id: "connection-topic",
    says: "whatever else is sent to the topic phoenix is unmatched",
    async run(stage) {
      const client = await stage.connect();
      for (const event of ["phx_join", "echo", "phx_reply"]) {
        const ref = client.newRef();
        client.send({ joinRef: client.newJoinRef(), ref, topic: "phoenix", event, payload: {} });
        await client.expect(unmatched("phoenix", ref));
      }
    },
  },
];
