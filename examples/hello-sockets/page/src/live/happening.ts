/** Something that happened to a connection, in words. */
export interface Happening {
  readonly at: Date;
  readonly text: string;
  readonly tone: "pass" | "refuse" | "plain";
}

/** As many as fit on a screen. */
const happeningsMax = 20;

export function withHappening(
  earlier: readonly Happening[],
  text: string,
  tone: Happening["tone"] = "plain",
  most = happeningsMax,
): readonly Happening[] {
  return [...earlier, { at: new Date(), text, tone }].slice(-most);
}
