/**
 * Finds what a test file starts too early. The body of a file or of a suite only declares tests: if it fails, or waits, no hook
 * ends what it has started.
 */

import { parseAst } from "vite";

const DEFERRED = new Set(["test", "it", "before", "after", "beforeEach", "afterEach"]);
const SUITES = new Set(["describe", "suite"]);
const STARTS = /^(start|serve|launch|packed|spawn|exec|fork|createServer|listen|run(Command|Process|Python)?$)/;
const FUNCTIONS = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);

/** What the text of a test file does outside of hooks and tests, as `{ line, what }`. */
export function eagerStarts(source) {
  const program = parseAst(source);
  const helpers = new Map();
  const imported = new Set();
  walk(program, (node) => {
    if (node.type === "FunctionDeclaration") {
      helpers.set(node.id.name, node);
    } else if (node.type === "VariableDeclarator" && FUNCTIONS.has(node.init?.type)) {
      helpers.set(node.id.name, node.init);
    } else if (node.type === "ImportDeclaration") {
      for (const { local } of node.specifiers) {
        imported.add(local.name);
      }
    }
  });
  const found = [];
  const seen = new Set();
  const report = (node, what) => found.push({ line: source.slice(0, node.start).split("\n").length, what });

  function call(node, awaited) {
    const { callee } = node;
    const name = nameOf(callee);
    const isPlain = callee.type === "Identifier";
    if (DEFERRED.has(name) || DEFERRED.has(nameOf(callee.object))) {
      // `test.skip` and its like, too. Options may be computed.
      visitAll(node.arguments.filter((argument) => !FUNCTIONS.has(argument.type)));
      return;
    }
    if (STARTS.test(name) && (imported.has(name) || !isPlain) && !isPattern(name, callee)) {
      report(node, `${awaited ? "await " : ""}${name}(…)`);
    }
    if (isPlain && helpers.has(name) && !seen.has(name)) {
      seen.add(name);
      visit(helpers.get(name).body);
    }
    visit(callee);
    for (const argument of node.arguments) {
      if (FUNCTIONS.has(argument.type)) {
        if (SUITES.has(name) && argument.async) {
          report(argument, `an asynchronous body of ${name}`);
        }
        // Bodies of suites, of functions that describe suites, and of loops over arrays run at once.
        visit(argument.body);
      } else {
        visit(argument);
      }
    }
  }

  function visit(node, awaited = false) {
    if (node.type === "CallExpression" || node.type === "NewExpression") {
      call(node, awaited);
    } else if (!FUNCTIONS.has(node.type) && node.type !== "ClassBody") {
      const isAwait = node.type === "AwaitExpression";
      for (const member of Object.values(node)) {
        visitAll(Array.isArray(member) ? member : [member], isAwait);
      }
    }
  }
  function visitAll(nodes, awaited) {
    for (const node of nodes) {
      if (typeof node?.type === "string") {
        visit(node, awaited);
      }
    }
  }
  visit(program);
  return found;
}

const nameOf = (node) => (node?.type === "MemberExpression" ? node.property.name : node?.name) ?? "";

/** `/pattern/.exec(text)`, and methods of texts and arrays, start nothing. */
const isPattern = (name, callee) => name === "startsWith" || (name === "exec" && callee.type === "MemberExpression");

function walk(node, see) {
  if (typeof node?.type === "string") {
    see(node);
  }
  for (const member of Object.values(node ?? {})) {
    if (typeof member === "object") {
      walk(member, see);
    }
  }
}
