/** A small SVG writer: elements as text, and what all plots have in common. */

export type Attributes = Readonly<Record<string, string | number>>;

export function element(name: string, attributes: Attributes, content = ""): string {
  const list = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(rounded(value))}"`);
  return content === "" ? `<${name}${list.join("")}/>` : `<${name}${list.join("")}>${content}</${name}>`;
}

export function text(content: string, attributes: Attributes): string {
  return element("text", attributes, escaped(content));
}

/** Grey enough for either background where a viewer does not tell which it has. */
const style = `
text { font: 13px system-ui, sans-serif; fill: #6e7781 }
.title { font-size: 16px; font-weight: 600 }
.panel { font-weight: 600 }
.small { font-size: 11px }
.axis { stroke: #8b949e; stroke-width: 1; fill: none }
.grid { stroke: #8b949e; stroke-opacity: 0.25 }
.ours { fill: #2f81f7 } .theirs { fill: #8b949e }
.spread { stroke: #24292f; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) { text { fill: #c9d1d9 } .spread { stroke: #f0f6fc } }
`;

/** A whole picture. `description` is for those who can't see it. */
export function picture(width: number, height: number, description: string, content: readonly string[]): string {
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "img",
  };
  const parts = [element("title", {}, escaped(description)), element("style", {}, style), ...content];
  return `${element("svg", attributes, `\n${parts.join("\n")}\n`)}\n`;
}

function rounded(value: string | number): string {
  return typeof value === "number" ? String(Math.round(value * 10) / 10) : value;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
