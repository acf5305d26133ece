/** Options of a transport are that transport's own. */
import { expect, test } from "vitest";
import { defineEndpoint, defineSocket, isPortcullisError } from "../../src/index.ts";

const secretKeyBase = "a secret of the tests, long enough to be one";
const socket = defineSocket();

test.each([
  ["websocket", "timeout", /Known are: .*idleTimeoutMs/],
  ["websocket", "windowMs", /Known are: .*idleTimeoutMs/],
  ["websocket", "drain", /Known are: .*idleTimeoutMs/],
  ["longpoll", "drain", /Known are: .*windowMs/],
  ["longpoll", "idleTimeoutMs", /Known are: .*windowMs/],
])("an option the %s transport doesn't know is a mistake, told with those it knows: %s", (transport, option, known) => {
  const sockets = { "/socket": { socket, channels: [], [transport]: { [option]: 1 } } };
  let caught: unknown;
  try {
    defineEndpoint({ secretKeyBase, sockets: sockets as never });
  } catch (error) {
    caught = error;
  }
  expect(isPortcullisError(caught) && caught.code).toBe("definition_invalid");
  const { message } = caught as Error;
  expect(message).toContain(`Unknown option "${option}"`);
  expect(message).toMatch(known);
});
