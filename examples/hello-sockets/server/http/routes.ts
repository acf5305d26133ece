import { accountRoutes } from "./account-routes.ts";
import type { Context } from "./context.ts";
import { passRoutes } from "./pass-routes.ts";
import { probeRoutes } from "./probe-routes.ts";
import { HttpProblem } from "./respond.ts";
import { assertSameOrigin } from "./same-origin.ts";

const routes = new Map(Object.entries({ ...accountRoutes, ...passRoutes, ...probeRoutes }));

/** Answers everything below /api/. */
export async function answerApi(context: Context, path: string): Promise<void> {
  const { request } = context;
  const route = routes.get(`${request.method} ${path}`);
  if (!route) throw new HttpProblem(404, "There is nothing here.");
  if (request.method !== "GET") assertSameOrigin(request);
  await route(context);
}
