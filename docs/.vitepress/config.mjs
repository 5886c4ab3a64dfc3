import { defineConfig } from "vitepress";

/** Both are made beside the pages by `npm run build`; see scripts/reference.mjs. */
const reference = [
  { text: "Rust", link: "/reference/rust/isocache/index.html", target: "_self" },
  { text: "JavaScript", link: "/reference/js/index.html", target: "_self" },
];

export default defineConfig({
  title: "isocache",
  description: "One cache for browsers, edge workers, Node, Deno, Bun and native Rust",
  lang: "en",
  ignoreDeadLinks: [/^\/reference\//],
  // Nothing is fetched from elsewhere: the pages work without a network.
  head: [["link", { rel: "icon", href: "data:," }]],
  markdown: {
    config(markdown) {
      hideDoctestLines(markdown);
      unlinkSources(markdown);
    },
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      { text: "Bridge", link: "/bridge" },
      { text: "Reference", items: reference },
    ],
    sidebar: [
      {
        text: "Start",
        items: [{ text: "Introduction", link: "/" }],
      },
      {
        text: "Operation",
        items: [{ text: "The bridge", link: "/bridge" }],
      },
      {
        text: "Reference",
        items: [...reference],
      },
    ],
  },
});

/** In a Rust block, a line that begins with `# ` runs in the test but is not shown, as in rustdoc. */
function hideDoctestLines(markdown) {
  const fence = markdown.renderer.rules.fence;
  markdown.renderer.rules.fence = (tokens, at, ...rest) => {
    const token = tokens[at];
    if (/^rust\b/.test(token.info)) {
      token.info = "rust";
      token.content = token.content.replace(/^#(?: .*)?\n/gm, "");
    }
    return fence(tokens, at, ...rest);
  };
}

/** A link to a file outside the site stays readable: it becomes the path of the file in the repository. */
function unlinkSources(markdown) {
  markdown.core.ruler.push("unlink-sources", ({ tokens }) => {
    for (const { children } of tokens) {
      let leaving = 0;
      for (const token of children ?? []) {
        if (
          token.type === "link_open" &&
          /^(\.\.\/)+(?!(start|guide|migrate)\/|[\w-]+\.md)/.test(token.attrGet("href"))
        ) {
          leaving = 1;
        }
        if (leaving && /^link_/.test(token.type)) {
          leaving = token.type === "link_close" ? 0 : 1;
          token.tag = "span";
          token.attrs = null;
        }
      }
    }
  });
}
