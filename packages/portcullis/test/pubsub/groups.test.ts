/** Members that come and go while they are gone through. */

import { expect, test } from "vitest";
import { Groups } from "../../src/pubsub/groups.ts";

interface Named {
  readonly name: string;
}

function membersOf(groups: Groups<Named>): readonly string[] {
  const names: string[] = [];
  groups.each("key", ({ name }) => names.push(name));
  return names;
}

test("one that leaves and joins again at its turn is visited once", () => {
  const groups = new Groups<Named>();
  for (const name of ["a", "b", "c"]) groups.add("key", { name });
  const visited: string[] = [];
  groups.each("key", (member) => {
    visited.push(member.name);
    if (visited.length > 10) throw new Error("this would never end");
    groups.remove("key", member);
    groups.add("key", { name: `${member.name}2` });
  });
  expect(visited).toEqual(["a", "b", "c"]);
  expect(membersOf(groups)).toEqual(["a2", "b2", "c2"]);
});

test("one that left before its turn is not visited", () => {
  const groups = new Groups<Named>();
  const [first, second] = [{ name: "first" }, { name: "second" }];
  groups.add("key", first);
  groups.add("key", second);
  const visited: string[] = [];
  groups.each("key", ({ name }) => {
    visited.push(name);
    groups.remove("key", second);
  });
  expect(visited).toEqual(["first"]);
});
