import type { Channel, Push } from "phoenix";

/** The answer to a join or a push. */
export type Reply =
  | { readonly status: "ok"; readonly payload: Record<string, unknown> }
  | { readonly status: "error"; readonly payload: Record<string, unknown> }
  | { readonly status: "timeout"; readonly payload: Record<string, unknown> };

/** The phoenix client answers through callbacks; one promise reads better in a form's submit. */
export function toReply(push: Push): Promise<Reply> {
  return new Promise((resolve) => {
    push
      .receive("ok", (payload: Record<string, unknown>) => resolve({ status: "ok", payload }))
      .receive("error", (payload: Record<string, unknown>) => resolve({ status: "error", payload }))
      .receive("timeout", () => resolve({ status: "timeout", payload: {} }));
  });
}

/** Joins, and lets go of a channel that was refused: the phoenix client would go on asking for ever. */
export async function join(channel: Channel): Promise<Reply> {
  const reply = await toReply(channel.join());
  if (reply.status !== "ok") channel.leave();
  return reply;
}

/** Why a reply was not ok, in words. */
export function toReason(reply: Reply): string {
  if (reply.status === "timeout") return "No answer within 5 seconds. Is the server still running?";
  return `Refused: ${String(reply.payload["reason"] ?? "no reason given")}`;
}
