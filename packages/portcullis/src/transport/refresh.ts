/**
 * A new credential for a connection that is there: verified as at connect, for the same somebody, and never an older one.
 *
 * @module
 */

import { isSameIdentity } from "../auth/identity.ts";
import type { RefusalCode } from "../errors.ts";
import { bareRecord } from "../record.ts";
import { type Credential, type RefreshVerdict, retryOnWire } from "../socket/standing.ts";
import { Attempt } from "./attempt.ts";
import { enter, identify, withAuthToken } from "./identify.ts";
import type { Mount } from "./mount.ts";
import { failed, type Refused, refusalOf } from "./refusal.ts";

/** Judges a new token. Never rejects, and takes no longer than a connect may. */
export async function refresh(mount: Mount, credential: Credential, token: string): Promise<RefreshVerdict> {
  const { clock } = mount.environment;
  const attempt = new Attempt();
  const decision = judge(mount, credential, { token, attempt }).catch((error) => toVerdict(failed(mount, error)));
  let cancel = (): void => {};
  const late = new Promise<RefreshVerdict>((resolve) => {
    cancel = clock.after(mount.connectTimeoutMs, () => {
      attempt.end();
      resolve(toVerdict(refusalOf("connect_timeout")));
    });
  });
  const verdict = await Promise.race([decision, late]);
  cancel();
  return verdict;
}

async function judge(
  mount: Mount,
  { identity: present, request, socketId }: Credential,
  { token, attempt }: { readonly token: string; readonly attempt: Attempt },
): Promise<RefreshVerdict> {
  if (request === null || token.length > mount.limits.credentialBytesMax)
    return no("credential_invalid", "credential_invalid");
  // The params of the first time may have held the credential of the first time.
  const identified = await identify(mount, { credential: token, params: bareRecord(), session: null, attempt });
  if (!identified.ok) return toVerdict(identified);
  const { identity, said } = identified;
  // Whoever holds somebody else's token gets to know no more than for a forged one.
  if (identity === null || !isSameIdentity(identity, present)) return no("credential_refused", "other identity");
  if (identity.issuedAt < present.issuedAt) return no("credential_refused", "stale");
  const info = withAuthToken(request.info, token);
  const entered = await enter(mount, { ...request, info, said, attempt });
  if (!entered.ok) return toVerdict(entered);
  if (entered.socketId !== socketId) return no("credential_refused", "other identity");
  // Revoked while `connect` was thinking: what is looked up last is what holds.
  if (mount.environment.revocations.isRevoked(identity)) return no("credential_revoked", "credential_revoked");
  return { ok: true, identity, assigns: entered.assigns };
}

function no(code: RefusalCode, reason: string): RefreshVerdict {
  return { ok: false, code, reason, retry: retryOnWire("reauth") };
}

function toVerdict({ code, reason, retry }: Refused): RefreshVerdict {
  return { ok: false, code, reason, retry };
}
