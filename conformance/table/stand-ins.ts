// Servers that are wrong on purpose: the table has to notice.
import { once } from "node:events";
import { request as ask, createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";

export interface StandIn {
  readonly url: string;
  close(): Promise<void>;
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
type Upgraded = (socket: WebSocket, request: IncomingMessage) => void;

async function start(answer: Answer, upgraded: Upgraded | null): Promise<StandIn> {
  const server = createServer(answer);
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] ?? false });
  server.on("upgrade", (request, socket, head) => {
    if (upgraded === null) socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    else sockets.handleUpgrade(request, socket, head, (webSocket) => upgraded(webSocket, request));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const client of sockets.clients) client.terminate();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const json = (response: ServerResponse, body: object): void => {
  response.writeHead(200, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(body));
};

/** Lets everybody in and says nothing, on either transport. */
export function startMute(): Promise<StandIn> {
  return start(
    (request, response) => {
      const isSession = request.headers["x-phoenix-longpoll-token"] !== undefined;
      if (request.method === "POST") json(response, { ok: true, status: 200 });
      else if (!isSession) json(response, { status: 410, token: "token", messages: [] });
      else setTimeout(() => json(response, { status: 204, token: "token", messages: [] }), 50);
    },
    () => {},
  );
}

/** Refuses everybody. */
export function startRefusing(): Promise<StandIn> {
  return start((_request, response) => json(response, { status: 403 }), null);
}

/** What becomes of a frame of the server's: others, or none. */
export type Alter = (message: readonly unknown[] | Readonly<Record<string, unknown>>) => readonly unknown[];

/** Passes everything on to the server at `url`, and alters what that says in text. */
export function startAltering(url: string, alter: Alter, closeCode = (code: number) => code): Promise<StandIn> {
  return start(
    (request, response) => {
      const { method = "GET", headers, url: path = "/" } = request;
      const passed = ask(new URL(path, url), { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      request.pipe(passed);
    },
    (client, request) => {
      const upstream = new WebSocket(new URL(request.url ?? "/", url.replace("http", "ws")));
      const waiting: [data: Buffer, isBinary: boolean][] = [];
      client.on("message", (data: Buffer, binary) => {
        if (upstream.readyState === WebSocket.OPEN) upstream.send(data, { binary });
        else waiting.push([data, binary]);
      });
      upstream.on("open", () => {
        for (const [data, binary] of waiting) upstream.send(data, { binary });
      });
      upstream.on("message", (data: Buffer, binary) => {
        if (binary) return client.send(data, { binary });
        for (const altered of alter(JSON.parse(String(data)))) client.send(JSON.stringify(altered));
      });
      upstream.on("close", (code) => client.close(closeCode(code === 1005 ? 1000 : code)));
      upstream.on("error", () => client.terminate());
      client.on("close", () => upstream.close());
    },
  );
}
