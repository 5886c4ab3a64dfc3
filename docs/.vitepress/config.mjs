import { defineConfig } from "vitepress";

const guide = [
  ["Loading", "loading"],
  ["Freshness", "freshness"],
  ["Single flight", "single-flight"],
  ["Keys", "keys"],
  ["Invalidation", "invalidation"],
  ["Tags", "tags"],
  ["Rate limiter", "limiter"],
  ["Sessions", "sessions"],
  ["Leases", "leases"],
  ["Memory", "memory"],
  ["Over HTTP", "http"],
  ["Memory in front of a store", "tiers"],
  ["Redis", "redis"],
];
const peers = [
  ["lru-cache", "lru-cache"],
  ["Keyv and cache-manager", "keyv"],
  ["node-cache", "node-cache"],
  ["TanStack Query", "tanstack-query"],
  ["moka", "moka"],
  ["cached", "cached"],
];
const items = (folder, pages) => pages.map(([text, name]) => ({ text, link: `/${folder}/${name}` }));

/** `make docs` builds both beside the pages. */
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
      titleTabs(markdown);
      unlinkSources(markdown);
    },
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      { text: "Guide", link: "/start/javascript", activeMatch: "^/(start|guide)/" },
      { text: "Bridge", link: "/bridge" },
      { text: "Migrate", link: "/migrate/lru-cache", activeMatch: "^/migrate/" },
      { text: "Reference", items: reference },
    ],
    sidebar: [
      {
        text: "Start",
        items: [
          { text: "Introduction", link: "/" },
          { text: "JavaScript", link: "/start/javascript" },
          { text: "Rust", link: "/start/rust" },
          { text: "Coherence", link: "/coherence" },
          { text: "How the parts fit together", link: "/parts" },
          { text: "Environments", link: "/environments" },
        ],
      },
      { text: "Guide", items: items("guide", guide) },
      {
        text: "Operation",
        items: [
          { text: "The bridge", link: "/bridge" },
          { text: "The size of a cache", link: "/sizing" },
          { text: "When something fails", link: "/failures" },
          { text: "Errors", link: "/errors" },
          { text: "Performance", link: "/performance" },
        ],
      },
      {
        text: "Reference",
        items: [
          ...reference,
          { text: "Names in both languages", link: "/names" },
          { text: "The envelope", link: "/envelope" },
        ],
      },
      { text: "Migrate from", items: items("migrate", peers) },
    ],
  },
});

/** In a Rust block, a line that begins with `# ` runs in the test but is not shown, as in rustdoc. */
function hideDoctestLines(markdown) {
  const fence = markdown.renderer.rules.fence;
  markdown.renderer.rules.fence = (tokens, at, ...rest) => {
    const token = tokens[at];
    if (/^rust\b/.test(token.info)) {
      token.info = token.info.replace(/,[\w,]+/, "");
      token.content = token.content.replace(/^#(?: .*)?\n/gm, "");
    }
    return fence(tokens, at, ...rest);
  };
}

/** Titles of the tabs of a code group, which rustdoc would not accept in the source. */
function titleTabs(markdown) {
  const titles = { js: "JavaScript", ts: "TypeScript", rust: "Rust" };
  markdown.core.ruler.push("title-tabs", ({ tokens }) => {
    for (const token of tokens) {
      if (token.type === "fence" && token.info in titles) {
        token.info += ` [${titles[token.info]}]`;
      }
    }
  });
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
