import type { Payload } from "../scenario.ts";
import type { CpuReading } from "./control.ts";

/** A started server under test. Whatever it is written with, it listens on a port of its own choice and can be told to publish. */
export interface ServerUnderTest {
  readonly port: number;
  /** Sends one message to everybody in the room. */
  publish(payload: Payload): void;
  close(): Promise<void>;
  /** What processes of it beside this one have used. */
  cpuOfOthers?(): CpuReading;
}

/** Starts a server on loopback that takes connections bearing a token and lets them join the room. */
export type StartServer = () => Promise<ServerUnderTest>;
