import { z } from "zod";
import { scenarioNames } from "../../shared/api.ts";
import { probe } from "../probe/probe.ts";
import { readJson } from "./body.ts";
import { addressOf, type Routes } from "./context.ts";
import { assertRate } from "./rate.ts";
import { HttpProblem, sendJson } from "./respond.ts";

const question = z.object({
  scenario: z.enum(scenarioNames),
  // Goes into a header of the connection we open, so nothing but a token's own alphabet gets there.
  token: z
    .string()
    .max(2048)
    .regex(/^[\w.-]+$/)
    .optional(),
});

export const probeRoutes: Routes = {
  "POST /api/probe": async (context) => {
    const { request, response, app } = context;
    assertRate(app.rates.probes, addressOf(context));
    const { scenario, token } = await readJson(request, question);
    const port = request.socket.localPort;
    if (port === undefined) throw new HttpProblem(503, "The connection is gone.");
    sendJson(
      response,
      200,
      await probe({
        scenario,
        heldToken: token ?? null,
        port,
        config: app.config,
        tokens: app.endpoint.tokens,
        passOffice: app.passOffice,
      }),
    );
  },
};
