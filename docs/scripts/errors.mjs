// Makes docs/errors.md from the sources of both libraries: `node docs/scripts/errors.mjs` writes it, and
// tests/js/errors.test.mjs fails when it is out of date. Kinds and causes are the documentation of the code; the remedies
// are here.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseAst } from "vite";

const root = new URL("../../", import.meta.url);
const page = new URL("docs/errors.md", root);
const read = (path) => readFileSync(new URL(path, root), "utf8");
const sources = (folder, ending) =>
  readdirSync(new URL(folder, root), { recursive: true })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}${name.replaceAll("\\", "/")}`)
    .sort();

/** What to do, by the variants of Rust's `CacheError`, with the codes and classes of JavaScript that mean the same. */
const KINDS = {
  Connection: {
    javascript: '`CacheError`, code `"connection"`',
    remedy:
      "Check that the server runs, and its address. Nothing else is needed for a short outage: loads bypass the store.",
  },
  Timeout: {
    javascript: '`CacheError`, code `"timeout"`; `LoadTimeoutError` for a loader',
    remedy: "Check the load on the server and the distance to it, or raise the limit: `timeout`, `operation_timeout`.",
  },
  Refused: {
    javascript: '`CacheError`, code `"refused"`',
    remedy: "Check the token or the password, and what it permits: role, prefixes, commands, origins.",
  },
  Full: {
    javascript: '`CacheError`, code `"full"`',
    remedy: "Give the store more memory, an eviction policy, or shorter TTLs.",
  },
  Unavailable: {
    javascript: '`CacheError`, code `"unavailable"`',
    remedy:
      "Wait: the store is starting, failing over, or the circuit breaker is open. If it stays so, look at the store's log.",
  },
  Protocol: {
    javascript: '`CacheError`, code `"protocol"`',
    remedy:
      "Check that the address is that of a bridge, an Upstash-compatible server or a Redis, and not of a proxy's error page.",
  },
  Serialize: {
    javascript: "`TypeError`",
    remedy: "Store a value that the serializer supports, or choose another serializer.",
  },
  Deserialize: {
    javascript: '`CacheError`, code `"deserialize"`',
    remedy:
      "Another program or an older version stored something else under the key: delete it, or use another namespace.",
  },
  InvalidArgument: {
    javascript: "`TypeError` for a wrong type, `RangeError` for a value out of range",
    remedy: "Correct the argument that the message names.",
  },
};

/** The name of each variant, with the first sentence of its documentation. */
function variants() {
  const body = /pub enum CacheError \{([\s\S]*?)\n\}/.exec(read("src/error.rs"))[1];
  return [...body.matchAll(/((?: {4}\/\/\/ .*\n)+)(?: {4}#\[.*\n)* {4}(\w+)/g)].map(([, doc, name]) => {
    const text = doc
      .replaceAll(/ *\/\/\/ /g, " ")
      .replace(/\s+/g, " ")
      .trim();
    return { name, cause: text };
  });
}

/** A text as the table shows it: what is filled in becomes an ellipsis. */
const shown = (text) =>
  text
    .replace(/\{\{/g, "\u0001")
    .replace(/\{[^{}]*\}/g, "…")
    .replaceAll("\u0001", "{")
    .replaceAll("}}", "}")
    .replace(/\\"/g, '"')
    .replace(/\\n/g, " ")
    .replace(/\\\n\s*/g, "")
    .replace(/\s+/g, " ")
    .trim();

/** Whether a text says anything by itself. */
const says = (text) => text.replaceAll("…", "").replace(/[^a-z]/gi, "").length > 5;

/** The end of the parentheses that open at `start`, outside strings. */
function closing(text, start) {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      at++;
      while (text[at] !== '"') {
        at += text[at] === "\\" ? 2 : 1;
      }
    } else if ("([{".includes(character)) {
      depth++;
    } else if (")]}".includes(character) && --depth === 0) {
      return at;
    }
  }
  return text.length;
}

/** The messages of the error types themselves: `LoadError`, for one. */
function derivedMessages(code) {
  return [...code.matchAll(/pub enum (\w+)[^{]*\{([\s\S]*?)\n\}/g)].flatMap(([, name, body]) =>
    [...body.matchAll(/#\[error\("((?:[^"\\]|\\.)*)"/g)]
      .map(([, text]) => ({ kind: name, message: shown(text) }))
      .filter(({ kind, message }) => kind !== "CacheError" && says(message)),
  );
}

function rustMessages() {
  const found = [];
  for (const path of sources("src/", ".rs")) {
    const code = read(path)
      .split(/\n#\[cfg\(test\)\]\nmod \w+ \{/)[0]
      .replace(/^\s*\/\/.*$/gm, "");
    found.push(...derivedMessages(code));
    for (const match of code.matchAll(/\b(?:CacheError|Self)::(invalid|[A-Z]\w+)\(/g)) {
      const kind = match[1] === "invalid" ? "InvalidArgument" : match[1];
      if (!(kind in KINDS)) {
        continue;
      }
      const open = match.index + match[0].length - 1;
      const inner = code.slice(open, closing(code, open));
      const texts = [...inner.matchAll(/"((?:[^"\\]|\\[\s\S])*)"/g)].map(([, text]) => shown(text));
      if (kind === "InvalidArgument") {
        const [argument, ...reasons] = texts;
        found.push(...reasons.filter(says).map((reason) => ({ kind, message: `${argument}: ${reason}` })));
      } else {
        found.push(...texts.filter(says).map((message) => ({ kind, message })));
      }
    }
  }
  return found;
}

const CLASSES = [
  "AggregateError",
  "CacheError",
  "Error",
  "InvalidationError",
  "LoadTimeoutError",
  "RangeError",
  "TypeError",
];

/** The texts that an expression of JavaScript can become. */
function textsOf(node) {
  switch (node?.type) {
    case "Literal":
      return typeof node.value === "string" ? [node.value] : ["…"];
    case "TemplateLiteral":
      return node.quasis.reduce(
        (texts, { value }, at) => {
          const inserted = at === 0 ? [""] : ["…"];
          return texts.flatMap((text) => inserted.map((one) => text + one + value.cooked));
        },
        [""],
      );
    case "ConditionalExpression":
      return [...textsOf(node.consequent), ...textsOf(node.alternate)];
    case "BinaryExpression":
      return textsOf(node.left).flatMap((left) => textsOf(node.right).map((right) => left + right));
    default:
      return ["…"];
  }
}

function walk(node, visit) {
  if (Array.isArray(node)) {
    for (const one of node) walk(one, visit);
  } else if (typeof node?.type === "string") {
    visit(node);
    for (const member of Object.values(node)) {
      if (typeof member === "object") walk(member, visit);
    }
  }
}

function javascriptMessages() {
  const found = [];
  const add = (kind, texts) =>
    found.push(
      ...texts
        .map((text) =>
          text
            .replace(/^isocache: /, "")
            .replace(/\s+/g, " ")
            .replace(/…+/g, "…")
            .trim(),
        )
        .filter(says)
        .map((message) => ({ kind, message })),
    );
  for (const path of sources("pkg/src/", ".ts").filter((path) => !path.endsWith(".d.ts"))) {
    walk(parseAst(read(path), { lang: "ts" }), (node) => {
      const name = node.callee?.name;
      if (node.type === "CallExpression" && name === "wrongType") {
        const [argument, expected] = node.arguments.map((given) => textsOf(given)[0]);
        add("TypeError", [`${argument} must be ${expected}, not …`]);
      } else if (node.type === "NewExpression" && CLASSES.includes(name)) {
        const [first, second] = node.arguments;
        if (name === "CacheError") {
          for (const code of textsOf(first)) add(`CacheError, ${code}`, textsOf(second));
        } else {
          add(
            name,
            node.arguments.flatMap(textsOf).filter((text) => text !== "…"),
          );
        }
      }
    });
  }
  return found;
}

const cell = (text) => text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("{{", "{ {");

function tableOf(messages) {
  const unique = new Map(messages.map(({ kind, message }) => [`${kind}\n${message}`, { kind, message }]));
  const rows = [...unique.values()].sort((a, b) => a.kind.localeCompare(b.kind) || a.message.localeCompare(b.message));
  return ["| kind | message |", "|---|---|", ...rows.map(({ kind, message }) => `| ${kind} | ${cell(message)} |`)];
}

/** The page, as it should be. */
export function errorsPage() {
  const kinds = variants();
  const names = kinds.map(({ name }) => name);
  const unknown = names.filter((name) => !(name in KINDS));
  if (unknown.length > 0) {
    throw new Error(`docs/scripts/errors.mjs has no remedy for CacheError::${unknown.join(", CacheError::")}`);
  }
  return `${[
    "# Errors",
    "",
    "<!-- Made by docs/scripts/errors.mjs. Do not edit. -->",
    "",
    "Every error says what was wrong, with the value, where, and what to do. This page lists the kinds, with what to do about",
    "each, and all messages. `…` stands for what is filled in.",
    "",
    "## Kinds",
    "",
    "| Rust | JavaScript | cause | what to do |",
    "|---|---|---|---|",
    ...kinds.map(
      ({ name, cause }) => `| \`${name}\` | ${KINDS[name].javascript} | ${cell(cause)} | ${KINDS[name].remedy} |`,
    ),
    "",
    "`CacheError::is_retryable()` in Rust and `error.retryable` in JavaScript say whether the same operation may succeed later.",
    "An absent entry is not an error.",
    "",
    "## Messages in Rust",
    "",
    "The message of an invalid argument begins with the name of the argument.",
    "",
    ...tableOf(rustMessages()),
    "",
    "## Messages in JavaScript",
    "",
    "Every message begins with `isocache: `, which is left out here.",
    "",
    ...tableOf(javascriptMessages()),
  ].join("\n")}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(page, errorsPage());
}
