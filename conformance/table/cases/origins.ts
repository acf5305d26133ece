// Which pages may connect.
import { deepStrictEqual } from "node:assert/strict";
import { type Case, type Stage, webSocketOnly } from "../case.ts";
import { Client } from "../client.ts";

/** Connects from each page, and tells which were let in and heard. */
async function letIn(stage: Stage, mount: string, pages: readonly string[]): Promise<string[]> {
  const allowed: string[] = [];
  for (const origin of pages) {
    const outcome = await stage.attempt({ mount, headers: { origin } });
    if (outcome instanceof Client) {
      await outcome.expectNothing();
      allowed.push(origin);
    } else {
      deepStrictEqual({ origin, ...outcome }, { origin, status: 403, body: "" });
    }
  }
  return allowed;
}

const onLongPoll = (stage: Stage): boolean => stage.transport === "longpoll";

export const origins: readonly Case[] = [
  {
    id: "origin-none",
    says: "who sends no Origin is no browser, and is let in everywhere",
    async run(stage) {
      for (const mount of ["/socket", "/origin", "/m_default"]) {
        const client = await stage.connect({ mount });
        await client.join(stage.topic("echo"));
      }
    },
  },
  {
    id: "origin-of-the-endpoint",
    says: "by default a page has to be of the endpoint's own host, with any scheme and port",
    async run(stage) {
      const own = ["http://localhost", "https://localhost:9999"];
      const foreign = ["http://example.com", "http://localhost.example.com", "null", "", "file://", "http://"];
      deepStrictEqual(await letIn(stage, "/socket", [...own, ...foreign]), own);
    },
  },
  {
    id: "origin-list",
    says: "a list names schemes, hosts, ports and sub-domains; what isn't named stays outside",
    async run(stage) {
      if (onLongPoll(stage)) {
        const named = ["https://example.com"];
        deepStrictEqual(await letIn(stage, "/origin", [...named, "http://example.com", "https://other.com"]), named);
        return;
      }
      const named = [
        "https://example.com",
        "http://other.com:8080",
        "https://wild.com",
        "https://a.b.wild.com",
        "https://port.com:8443",
      ];
      const others = [
        "http://example.com",
        "https://sub.example.com",
        "https://example.com:8443",
        "https://notwild.com",
        "https://port.com",
        "null",
      ];
      deepStrictEqual(await letIn(stage, "/origin", [...named, ...others]), named);
    },
  },
  {
    id: "origin-of-the-request",
    says: "conn asks for the scheme, host and port of the request itself",
    leftOut: webSocketOnly,
    async run(stage) {
      const own = new URL(stage.world.url);
      const others = [`https://${own.host}`, `http://${own.hostname}`, `ws://${own.host}`, "http://localhost"];
      deepStrictEqual(await letIn(stage, "/origin_conn", [own.origin, ...others]), [own.origin]);
    },
  },
  {
    id: "origin-function",
    says: "a function may decide",
    leftOut: webSocketOnly,
    async run(stage) {
      const wanted = ["https://a.mfa.test", "http://b.mfa.test:81"];
      deepStrictEqual(await letIn(stage, "/origin_mfa", [...wanted, "https://mfa.example"]), wanted);
    },
  },
  {
    id: "origin-unchecked",
    says: "with the check off any page may connect, also one that has no name",
    async run(stage) {
      const any = ["https://evil.example", "null", "file://", ""];
      deepStrictEqual(await letIn(stage, "/origin_false", any), any);
    },
  },
  {
    id: "origin-by-mount",
    says: "each mount of one socket, and each transport of one mount, has its own",
    async run(stage) {
      const [a, b, lp] = ["https://a.example", "https://b.example", "https://lp.example"];
      const pages = [a, b, lp];
      if (onLongPoll(stage)) {
        deepStrictEqual(await letIn(stage, "/m_a", pages), [lp]);
      } else {
        deepStrictEqual(await letIn(stage, "/m_a", pages), [a]);
        deepStrictEqual(await letIn(stage, "/m_b", pages), [b]);
        deepStrictEqual(await letIn(stage, "/m_open", pages), pages);
      }
      deepStrictEqual(await letIn(stage, "/m_default", pages), []);
    },
  },
  {
    id: "origin-host-case",
    says: "hosts are compared as browsers send them, in lower case; ours takes capitals for the same host",
    async run(stage) {
      const pages = ["http://localhost", "http://LOCALHOST", "http://LOCALHOST.example.com"];
      const [named, ...others] = await letIn(stage, "/socket", pages);
      deepStrictEqual(named, "http://localhost");
      if (stage.strict || others.length > 0) deepStrictEqual(others, stage.strict ? [] : ["http://LOCALHOST"]);
    },
  },
];
