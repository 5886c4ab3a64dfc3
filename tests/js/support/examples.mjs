/** Finds the examples in a text and makes modules of them that check what their comments say. */

import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";
import { parseAst } from "vite";
import { filesBelow } from "./files.mjs";

const root = new URL("../../../", import.meta.url);

/** The README and the pages of the documentation, by their paths from the root. */
export function pages() {
  const found = filesBelow(fileURLToPath(new URL("docs/", root))).filter((name) => name.endsWith(".md"));
  return ["README.md", ...found.sort().map((name) => `docs/${name}`)];
}

/** The fenced blocks of a Markdown text, with the language of each and the line at which it begins. */
export function codeBlocks(text) {
  const blocks = [];
  let block;
  for (const [at, line] of text.split("\n").entries()) {
    if (block !== undefined && /^\s*```\s*$/.test(line)) {
      blocks.push({ ...block, code: block.lines.join("\n") });
      block = undefined;
    } else if (block !== undefined) {
      block.lines.push(line);
    } else if (/^\s*```/.test(line)) {
      const info = line.replace(/^\s*```/, "").trim();
      block = { line: at + 2, info, language: /^\w*/.exec(info)[0], lines: [] };
    }
  }
  if (block !== undefined) {
    throw new Error(`the block at line ${block.line} does not end`);
  }
  return blocks;
}

/** Blocks that run. In `ts` blocks, parameters have types where TypeScript would not infer them. */
export const isJavaScript = ({ language }) => ["js", "mjs", "javascript", "ts"].includes(language);

/** The blocks in the documentation comments of a source file. */
export function commentBlocks(source) {
  const lines = source.split("\n").map((line) => /^\s*\* ?(.*)$/.exec(line)?.[1] ?? "");
  return codeBlocks(lines.join("\n"));
}

/**
 * The example as a module, and the number of its checks: every statement with a literal in a comment after it is compared
 * to it. A declaration is, too: its name is compared.
 */
export function checkedModule(code) {
  const edits = [];
  const statement = (node) => {
    const comment = /^[ \t]*\/\/[ \t]*(.*)$/m.exec(code.slice(node.end))?.[1].trim();
    // Only on the line on which the statement ends.
    if (comment === undefined || !/^[ \t]*\/\//.test(code.slice(node.end).split("\n", 1)[0])) {
      return;
    }
    if (!isLiteral(comment)) {
      return;
    }
    const says = JSON.stringify(code.slice(node.start, node.end));
    if (node.type === "ExpressionStatement") {
      const { start, end } = node.expression;
      edits.push([node.start, node.end, `__same((${code.slice(start, end)}), (${comment}), ${says});`]);
    } else if (node.declarations?.length === 1 && node.declarations[0].id.type === "Identifier") {
      edits.push([node.end, node.end, ` __same(${node.declarations[0].id.name}, (${comment}), ${says});`]);
    } else {
      throw new Error(`a literal after a statement that has no value: ${says}`);
    }
  };
  walk(parseAst(code, { lang: "ts" }), (node) => {
    if (["ExpressionStatement", "VariableDeclaration"].includes(node.type)) {
      statement(node);
    }
  });
  let module = code;
  for (const [start, end, text] of edits.toSorted(([a], [b]) => b - a)) {
    module = module.slice(0, start) + text + module.slice(end);
  }
  const prelude = 'import { same as __same } from "./support/same.mjs";';
  const options = {
    loader: "ts",
    format: "esm",
    target: "es2022",
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
  };
  const { code: plain } = transformSync(`${prelude}${module}`, options);
  return { module: plain, checks: edits.length };
}

/** Whether a comment is a literal, or prose. What begins as a literal and is none is a mistake. */
function isLiteral(comment) {
  try {
    const { body } = parseAst(`(${comment})`);
    const names = new Set(["undefined", "NaN", "Infinity"]);
    let plain = body.length === 1;
    walk(body[0].expression, (node, parent) => {
      const allowed = [
        "Literal",
        "ArrayExpression",
        "ObjectExpression",
        "Property",
        "UnaryExpression",
        "TemplateLiteral",
      ];
      allowed.push("TemplateElement", "ParenthesizedExpression");
      const isKey = parent?.type === "Property" && parent.key === node && !parent.computed;
      plain &&= allowed.includes(node.type) || (node.type === "Identifier" && (isKey || names.has(node.name)));
    });
    if (plain) {
      return true;
    }
  } catch {
    // Prose, or a mistake.
  }
  if (/^(["'`{[\d-]|(undefined|null|true|false|NaN)\b)/.test(comment)) {
    throw new Error(`the comment "${comment}" begins as a literal and is none`);
  }
  return false;
}

function walk(node, visit, parent) {
  if (Array.isArray(node)) {
    for (const one of node) walk(one, visit, parent);
  } else if (typeof node?.type === "string") {
    visit(node, parent);
    for (const member of Object.values(node)) {
      if (typeof member === "object") walk(member, visit, node);
    }
  }
}
