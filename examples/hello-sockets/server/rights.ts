/** The chambers there are. */
const chambers = ["hall", "treasury"] as const;

/** Who may be in which chamber. A demo's are kept in memory: after a restart everybody may be everywhere. */
export interface Rights {
  chambersOf(userId: string): readonly string[];
  setTreasury(userId: string, allowed: boolean): void;
}

export function createRights(): Rights {
  const keptOut = new Set<string>();
  return {
    chambersOf: (userId) => chambers.filter((chamber) => chamber !== "treasury" || !keptOut.has(userId)),
    setTreasury(userId, allowed) {
      if (allowed) keptOut.delete(userId);
      else keptOut.add(userId);
    },
  };
}
