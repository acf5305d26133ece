import { z } from "zod";
import { signedIn } from "./account-routes.ts";
import { readJson } from "./body.ts";
import type { Routes } from "./context.ts";
import { sendJson } from "./respond.ts";

const right = z.object({ allowed: z.boolean() });

export const passRoutes: Routes = {
  // The page comes here before it connects, and again each time the server warns it.
  "GET /api/pass": async (context) => {
    const account = await signedIn(context);
    sendJson(context.response, 200, await context.app.passOffice.issue(account.id));
  },

  // Somebody's own right, so that one person can play both sides. No connection is told: the next refresh finds out.
  "POST /api/treasury": async (context) => {
    const account = await signedIn(context);
    const { allowed } = await readJson(context.request, right);
    context.app.rights.setTreasury(account.id, allowed);
    sendJson(context.response, 200, { allowed });
  },
};
