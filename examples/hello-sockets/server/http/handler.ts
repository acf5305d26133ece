import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Workshop } from "./context.ts";
import { HttpProblem, sendJson, sendProblem, setSecurityHeaders } from "./respond.ts";
import { answerApi } from "./routes.ts";
import { type StaticFiles, sendStatic } from "./static.ts";

/** The page and its JSON routes. Sockets are none of its business: the endpoint takes those first. */
export function createHandler(app: Workshop, files: StaticFiles): RequestListener {
  return (request, response) => {
    answer(request, response).catch((error: unknown) => {
      // A client that hung up in the middle of its body ends here too, and nobody is left to read an answer.
      if (response.headersSent || response.destroyed) return void response.destroy();
      // What is left of a refused body is thrown away; cutting the connection could take the answer with it.
      request.resume();
      if (error instanceof HttpProblem) return sendProblem(response, error);
      console.error("A request failed:", error);
      sendProblem(response, new HttpProblem(500, "Something broke on the server. Its log says what."));
    });
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { name, port } = splitHost(request.headers.host);
    const home = `http://${app.config.host}:${port}`;
    const foreign = `http://${app.config.foreignHost}:${port}`;
    const socket = `ws://${app.config.host}:${port}`;
    const { pathname } = new URL(request.url ?? "/", "http://unused");

    if (name === app.config.host) {
      setSecurityHeaders(response, { connect: [socket], frames: [foreign], framedBy: [] });
      if (pathname.startsWith("/api/")) return answerApi({ request, response, app }, pathname);
      if (sendStatic(files, pathname === "/" ? "/index.html" : pathname, request, response)) return;
    } else if (name === app.config.foreignHost) {
      // Under its other name this server is a stranger, and all that a stranger has is a page.
      setSecurityHeaders(response, { connect: [socket], frames: [], framedBy: [home] });
      if (pathname === "/home.json") return sendJson(response, 200, { home });
      if (sendStatic(files, pathname === "/" ? "/foreign.html" : pathname, request, response)) return;
    } else {
      // A name that an attacker has pointed at this machine (DNS rebinding) gets nothing.
      throw new HttpProblem(421, `This server answers to ${app.config.host}. Open ${home}/`);
    }
    throw new HttpProblem(404, "There is nothing here.");
  }
}

function splitHost(host: string | undefined): { name: string; port: number } {
  const [, name = "", port] = /^([\w.-]+)(?::(\d{1,5}))?$/.exec(host ?? "") ?? [];
  return { name: name.toLowerCase(), port: Number(port ?? 80) };
}
