/**
 * Tests of an application's sockets and channels, without a network; a server for tests of clients; and what holds an
 * adapter between nodes to its contract. Belongs to no test runner.
 *
 * @module
 */

export {
  type AdapterCase,
  type AdapterHarness,
  type AdapterSuiteOptions,
  pubsubAdapterSuite,
} from "./adapter-suite.ts";
export type { ServerMessage, Vsn } from "./client-wire.ts";
export { ConnectionRefused, type ConnectOptions, connect, type Refusal, refused } from "./connect.ts";
export { type Closing, JoinRefused } from "./ending.ts";
export { type FakeClock, type FakeClockOptions, fakeClock } from "./fake-clock.ts";
export { type HeardBroadcast, type Listener, listen } from "./listen.ts";
export type { Match, Pattern, Predicate } from "./match.ts";
export { type MemoryBus, memoryBus } from "./memory-bus.ts";
export type { CloseEventLike, MemoryWebSocket, MemoryWebSocketOptions } from "./memory-web-socket.ts";
export type { NetworkDoor } from "./network-door.ts";
export type { TestPeer } from "./request.ts";
export type { ChannelScript, ScriptedChannel, ScriptedConnect } from "./script.ts";
export type { TestChannel } from "./test-channel.ts";
export {
  type AcceptedConnection,
  createTestServer,
  type ReceivedMessage,
  type ScriptedServer,
  type TestServer,
  type TestServerOptions,
  type WebSocketClass,
} from "./test-server.ts";
export type { TestSocket } from "./test-socket.ts";
export type { PushRef } from "./wanted.ts";
