import { loadSession, session } from "./live/session.ts";
import { userConnection } from "./live/user-connection.ts";
import { FrameLog } from "./parts/frame-log.tsx";
import { GateCard } from "./parts/gate-card.tsx";
import { Mark } from "./parts/mark.tsx";
import { Notice } from "./parts/notice.tsx";
import { OpenDoor } from "./steps/open-door.tsx";
import { OwnChannel } from "./steps/own-channel.tsx";
import { Refusals } from "./steps/refusals.tsx";
import { Room } from "./steps/room.tsx";
import { ShortLife } from "./steps/short-life.tsx";
import { SignIn } from "./steps/sign-in.tsx";
import { SignOutEverywhere } from "./steps/sign-out-everywhere.tsx";
import { TakenRight } from "./steps/taken-right.tsx";
import { useStore } from "./store.ts";

export function Page() {
  const connection = useStore(userConnection);
  // A new connection starts every step afresh: its channels went with the old one.
  const life = connection.token ?? "none";
  return (
    <>
      <a class="skip" href="#sign-in">
        Skip to the steps
      </a>
      <div class="columns">
        <Header />
        <main>
          <Intro />
          <Unreachable />
          <ol class="steps">
            <SignIn />
            <OpenDoor />
            <Refusals />
            <OwnChannel key={`own ${life}`} />
            <Room key={`room ${life}`} />
            <ShortLife />
            <TakenRight />
            <SignOutEverywhere />
          </ol>
        </main>
        <aside aria-label="The connection">
          <GateCard />
          <FrameLog />
        </aside>
      </div>
    </>
  );
}

function Header() {
  const { person, status } = useStore(userConnection);
  const signedIn = person && status !== "out";
  return (
    <header class="top">
      <a class="brand" href="/" aria-label="Portcullis, hello sockets">
        <Mark />
        <span>Portcullis</span>
      </a>
      <span class="where">{signedIn ? `${person.name} · users:${person.id}` : "Not signed in"}</span>
    </header>
  );
}

function Intro() {
  return (
    <div class="intro">
      <h1>Nobody passes without a token</h1>
      <p>
        Eight steps, from an open socket to being thrown out of a closed one. Every connection here is real and goes to
        the server you started. The log shows each frame as it went over the wire.
      </p>
    </div>
  );
}

function Unreachable() {
  const current = useStore(session);
  if (current.status !== "unreachable") return null;
  return (
    <Notice tone="refuse">
      <p>The server does not answer. Is it still running?</p>
      <button type="button" onClick={() => void loadSession()}>
        Try again
      </button>
    </Notice>
  );
}
