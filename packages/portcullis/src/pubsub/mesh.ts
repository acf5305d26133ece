/**
 * The bus between the processes of one machine: each has a socket in a folder only they can enter, and dials every other.
 *
 * Each pair has two connections, one a direction: who dialled speaks, who was dialled listens. So nobody has to agree with
 * anybody on which of two connections counts, a process that comes is known to whoever it dials, and one that goes is
 * missed at once, because its socket refuses. There is no middle, which would cost every text a second hop and one process
 * the work of all; for N processes there are N(N-1) connections, which for the cores of a machine is few.
 *
 * What a process is told on its connection comes in order. One that doesn't read is held no more than a bound for: then
 * its connection is dropped and dialled anew, and both sides say that the bus was down, for what was lost in between.
 *
 * @module
 */

import { randomBytes, timingSafeEqual } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { readdir, rm, writeFile } from "node:fs/promises";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Cancel, Clock } from "../clock.ts";
import { bounds } from "../limit/bounds.ts";
import type { AdapterEvents, AdapterLink, PubSubAdapter } from "./adapter.ts";
import {
  decodeChannel,
  decodeJson,
  decodeText,
  encodeFrame,
  encodeText,
  type FrameKind,
  FrameReader,
  MeshFault,
} from "./mesh-frame.ts";
import { MeshLink } from "./mesh-link.ts";

/** Where the processes of one mesh meet, and what they know each other by. Plain JSON. */
export interface MeshPlace {
  readonly folder: string;
  readonly token: string;
}

export interface MeshOptions {
  readonly place: MeshPlace;
  readonly clock: Clock;
  /** Bytes that may wait for one process to read them. Default `bounds.meshQueueBytesMax`. */
  readonly queueBytesMax?: number;
  /** So many bytes for a process that doesn't read were thrown away. */
  readonly onOverflow: (bytes: number) => void;
  /** Somebody wrote what no process of the mesh writes, and was hung up on. */
  readonly onFault: () => void;
}

const version = 1;
const idBytes = 9;
const idPattern = /^[\w-]{12}$/;
/** How long a process that is there may take to answer before what is not said to it counts as lost. */
const patienceMs = 1_000;
/** How long who dials in may take to say who they are, and how long leaving may take. */
const helloMs = 5_000;
const leaveMs = 1_000;
/** Between two attempts to dial a process that is there, and doesn't take it. */
const redialMs = { least: 50, most: 2_000 };
/** Nobody listens there any more. */
const gone = new Set(["ECONNREFUSED", "ENOENT"]);

/** Makes the folder, which nobody else can enter. */
export function makeMeshPlace(): MeshPlace {
  return { folder: mkdtempSync(join(tmpdir(), "portcullis-")), token: randomBytes(24).toString("base64url") };
}

/** Takes the folder away. Never throws: at worst an empty folder stays. */
export function removeMeshPlace({ folder }: MeshPlace): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // Somebody holds it open; it is in the folder for such things.
  }
}

/** The bus of one process. */
export function meshAdapter(options: MeshOptions): PubSubAdapter {
  return { connect: (events) => new MeshMember(options, events) };
}

/** Another process of the mesh. */
interface Peer {
  readonly id: string;
  /** What it is told by. */
  link: MeshLink | null;
  /** Whether it has answered on that. */
  welcomed: boolean;
  /** Whether it ever has. */
  known: boolean;
  /** What it is heard by. */
  hearing: Socket | null;
  /** Whether it was ever heard. */
  heard: boolean;
  /** Whether it has said all it is subscribed to. */
  ready: boolean;
  readonly channels: Set<string>;
  /** It is there, and something between it and this process was lost, or may be. */
  lost: boolean;
  dials: number;
  cancelPatience: Cancel;
  cancelDial: Cancel;
}

export class MeshMember implements AdapterLink {
  readonly #options: MeshOptions;
  readonly #events: AdapterEvents;
  readonly #id = randomBytes(idBytes).toString("base64url");
  readonly #peers = new Map<string, Peer>();
  readonly #channels = new Set<string>();
  /** Who has dialled in, with those who haven't said yet who they are. */
  readonly #incoming = new Set<Socket>();
  readonly #server: Server;
  #status: "up" | "down" | null = null;
  /** Whoever was there has been found. */
  #looked = false;
  #closed: Promise<void> | null = null;

  constructor(options: MeshOptions, events: AdapterEvents) {
    this.#options = options;
    this.#events = events;
    this.#server = createServer((socket) => this.#dialledIn(socket));
    // Without a socket of its own nobody can reach it; whom it can reach would dial back in vain.
    this.#server.on("error", () => this.#tell("down"));
    // `exclusive`: a worker of node:cluster would else have its primary listen.
    this.#server.listen({ path: this.#addressOf(this.#id), exclusive: true }, () => void this.#look());
  }

  subscribe(channel: string): void {
    if (this.#closed !== null || this.#channels.has(channel)) return;
    this.#channels.add(channel);
    this.#say("subscribe", channel);
  }

  unsubscribe(channel: string): void {
    if (this.#closed === null && this.#channels.delete(channel)) this.#say("unsubscribe", channel);
  }

  publish(channel: string, text: string): void {
    if (this.#closed !== null) return;
    let frame: Buffer | null = null;
    for (const { link, welcomed, channels } of this.#peers.values()) {
      if (!welcomed || !channels.has(channel)) continue;
      frame ??= encodeText(channel, text);
      link?.send(frame);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#leave();
    return this.#closed;
  }

  #say(kind: "subscribe" | "unsubscribe", channel: string): void {
    const frame = encodeFrame(kind, JSON.stringify(channel));
    for (const { link, welcomed } of this.#peers.values()) if (welcomed) link?.send(frame);
  }

  /** On Windows, sockets of this kind lie in no folder: what lies there is an empty file of the same name. */
  #addressOf(id: string): string {
    const { folder } = this.#options.place;
    return process.platform === "win32" ? `\\\\.\\pipe\\${basename(folder)}-${id}` : join(folder, id);
  }

  async #look(): Promise<void> {
    const { folder } = this.#options.place;
    try {
      if (process.platform === "win32") await writeFile(join(folder, this.#id), "");
      const names = await readdir(folder);
      if (this.#closed !== null) return;
      for (const name of names) if (name !== this.#id && idPattern.test(name)) this.#meet(name);
    } catch {
      // The folder is gone, and with it everybody.
    }
    this.#looked = true;
    this.#review();
  }

  // --- telling others -----------------------------------------------------------------------------------------------

  #meet(id: string): Peer {
    const known = this.#peers.get(id);
    if (known !== undefined) return known;
    const nothing = (): void => {};
    const peer: Peer = {
      id,
      ...{ link: null, welcomed: false, known: false },
      ...{ hearing: null, heard: false, ready: false, channels: new Set() },
      ...{ lost: false, dials: 0, cancelPatience: nothing, cancelDial: nothing },
    };
    this.#peers.set(id, peer);
    this.#dial(peer);
    return peer;
  }

  #dial(peer: Peer): void {
    const { clock, place, queueBytesMax = bounds.meshQueueBytesMax, onOverflow } = this.#options;
    const socket = createConnection(this.#addressOf(peer.id));
    const link = new MeshLink({
      socket,
      queueBytesMax,
      onOverflow: (bytes) => {
        onOverflow(bytes);
        peer.welcomed = false;
        this.#lose(peer);
      },
    });
    peer.link = link;
    peer.dials += 1;
    peer.cancelPatience();
    peer.cancelPatience = clock.after(patienceMs, () => {
      // Who has just come has missed nothing yet, however long it takes to answer.
      if (!this.#isSettled(peer) && (peer.known || this.#status === null)) this.#lose(peer);
    });
    const reader = new FrameReader();
    let code = "";
    socket.on("connect", () => {
      link.sendAll([encodeFrame("hello", JSON.stringify([version, place.token, this.#id]))]);
    });
    socket.on("data", (chunk: Buffer) =>
      this.#read(socket, reader, chunk, (kind) => {
        if (kind !== "welcome" || peer.welcomed) throw new MeshFault("Whoever was dialled says more than welcome.");
        if (peer.link === link) this.#welcomed(peer);
        return true;
      }),
    );
    socket.on("error", (error: NodeJS.ErrnoException) => {
      code = error.code ?? "";
    });
    socket.on("close", () => {
      if (peer.link === link) this.#parted(peer, code);
    });
  }

  #welcomed(peer: Peer): void {
    peer.welcomed = true;
    peer.dials = 0;
    peer.link?.sendAll([
      ...[...this.#channels].map((channel) => encodeFrame("subscribe", JSON.stringify(channel))),
      encodeFrame("ready"),
    ]);
    // It has lived through the end of the connection before this one: what was under way has not arrived.
    if (peer.known) this.#lose(peer);
    peer.known = true;
    this.#review();
  }

  #parted(peer: Peer, code: string): void {
    const { clock } = this.#options;
    peer.link = null;
    peer.welcomed = false;
    if (this.#closed !== null || gone.has(code)) return this.#forget(peer);
    const waitMs = peer.dials === 0 ? 0 : Math.min(redialMs.least * 2 ** peer.dials, redialMs.most);
    peer.cancelDial = clock.after(waitMs, () => this.#dial(peer));
  }

  // --- hearing others -----------------------------------------------------------------------------------------------

  #dialledIn(socket: Socket): void {
    this.#incoming.add(socket);
    const reader = new FrameReader();
    const cancel = this.#options.clock.after(helloMs, () => socket.destroy());
    let peer: Peer | null = null;
    socket.on("data", (chunk: Buffer) =>
      this.#read(socket, reader, chunk, (kind, body) => {
        if (peer === null) {
          peer = this.#greet(socket, kind, body);
          reader.trust();
          cancel();
          return true;
        }
        return this.#hear(peer, socket, kind, body);
      }),
    );
    socket.on("error", () => {});
    socket.on("close", () => {
      cancel();
      this.#incoming.delete(socket);
      if (peer?.hearing !== socket) return;
      peer.hearing = null;
      peer.ready = false;
    });
  }

  #greet(socket: Socket, kind: FrameKind, body: Buffer): Peer {
    const fields = kind === "hello" ? decodeJson(body) : null;
    const [spoken, token, id] = Array.isArray(fields) ? (fields as readonly unknown[]) : [];
    if (spoken !== version || typeof id !== "string" || !idPattern.test(id) || id === this.#id)
      throw new MeshFault("Whoever dialled in is no process of this mesh.");
    if (!isSame(token, this.#options.place.token)) throw new MeshFault("Whoever dialled in doesn't know the token.");
    const peer = this.#meet(id);
    const wasHeard = peer.heard;
    const before = peer.hearing;
    peer.hearing = socket;
    peer.heard = true;
    peer.ready = false;
    peer.channels.clear();
    before?.destroy();
    socket.write(encodeFrame("welcome"));
    // It dials anew what it had before, and so has thrown away what it had to say.
    if (wasHeard) this.#lose(peer);
    return peer;
  }

  #hear(peer: Peer, socket: Socket, kind: FrameKind, body: Buffer): boolean {
    if (peer.hearing !== socket || this.#closed !== null) return false;
    switch (kind) {
      case "text": {
        const { channel, text } = decodeText(body);
        this.#events.message(channel, text);
        return true;
      }
      case "subscribe":
        peer.channels.add(decodeChannel(body));
        return true;
      case "unsubscribe":
        peer.channels.delete(decodeChannel(body));
        return true;
      case "ready":
        peer.ready = true;
        this.#review();
        return true;
      case "bye":
        this.#forget(peer);
        return false;
      default:
        throw new MeshFault("Whoever dialled in says what is not theirs to say.");
    }
  }

  /** Hangs up on whoever sends what is no frame, or none that belongs here. */
  #read(socket: Socket, reader: FrameReader, chunk: Buffer, visit: (kind: FrameKind, body: Buffer) => boolean): void {
    if (socket.destroyed) return;
    try {
      reader.read(chunk, visit);
    } catch (error) {
      if (!(error instanceof MeshFault)) throw error;
      socket.destroy();
      this.#options.onFault();
    }
  }

  // --- how it is ----------------------------------------------------------------------------------------------------

  #isSettled(peer: Peer): boolean {
    return peer.welcomed && peer.ready;
  }

  /** Something was lost between this process and one that is there: said once, and taken back when it is whole again. */
  #lose(peer: Peer): void {
    if (this.#closed !== null || this.#peers.get(peer.id) !== peer) return;
    peer.lost = true;
    if (this.#looked) this.#tell("down");
    this.#review();
  }

  #review(): void {
    if (!this.#looked || this.#closed !== null) return;
    let [isLost, isMissing] = [false, false];
    for (const peer of this.#peers.values()) {
      if (this.#isSettled(peer)) {
        peer.lost = false;
        peer.cancelPatience();
      } else {
        isMissing = true;
      }
      isLost ||= peer.lost;
    }
    if (isLost) this.#tell("down");
    // At first everybody who is there has to be reached; later, who comes has missed nothing.
    else if (this.#status !== null || !isMissing) this.#tell("up");
  }

  #tell(status: "up" | "down"): void {
    if (this.#status === status || this.#closed !== null) return;
    this.#status = status;
    this.#events.status(status);
  }

  /** It is not there any more. What it said has been heard, and nobody has to be told. */
  #forget(peer: Peer): void {
    if (this.#peers.get(peer.id) === peer) this.#peers.delete(peer.id);
    peer.cancelPatience();
    peer.cancelDial();
    const { link, hearing } = peer;
    peer.link = null;
    link?.drop();
    hearing?.destroy();
    this.#review();
  }

  async #leave(): Promise<void> {
    const { clock, place } = this.#options;
    const sockets: Socket[] = [];
    for (const { link, welcomed, cancelPatience, cancelDial } of this.#peers.values()) {
      cancelPatience();
      cancelDial();
      if (link === null) continue;
      sockets.push(link.socket);
      if (welcomed) link.end(encodeFrame("bye"));
      else link.drop();
    }
    const ended = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    for (const socket of this.#incoming) socket.destroy();
    const cancel = clock.after(leaveMs, () => {
      for (const socket of sockets) socket.destroy();
    });
    await Promise.all(sockets.map(closed));
    cancel();
    await ended;
    if (process.platform === "win32") await rm(join(place.folder, this.#id), { force: true });
  }
}

function closed(socket: Socket): Promise<void> {
  // What the other side had to say was welcome, at most: it is not read any more, but its end has to be.
  socket.resume();
  return socket.closed ? Promise.resolve() : new Promise((resolve) => void socket.once("close", () => resolve()));
}

function isSame(given: unknown, token: string): boolean {
  if (typeof given !== "string") return false;
  const [one, other] = [Buffer.from(given), Buffer.from(token)];
  return one.length === other.length && timingSafeEqual(one, other);
}
