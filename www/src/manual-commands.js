/** Commands that the visitor types, and a list of their results, newest first. */

import { byId, element } from "./dom.js";

/** The most results shown. */
const MOST = 50;

const list = byId("answers");
const text = (id) => byId(id).value;

/** `ask(name, ...args)` runs a command on the current cache and returns its result. */
export function watchManualCommands(ask) {
  const run = async (name, ...args) => {
    const call = `${name}(${args.map(written).join(", ")})`;
    try {
      answer(call, shown(name, await ask(name, ...args)), "");
    } catch (error) {
      answer(call, `${error.name}: ${error.message}`, "failed");
    }
  };
  const on = (id, event, action) =>
    byId(id).addEventListener(event, (happened) => {
      happened.preventDefault();
      action();
    });
  on("key-form", "submit", () => run("get", text("hand-key")));
  on("delete", "click", () => run("delete", text("hand-key")));
  on("set-form", "submit", () =>
    run("set", text("set-key"), text("set-value"), ...ttlArgument(text("set-ttl").trim())),
  );
  on("pattern-form", "submit", () => run("clearPattern", text("pattern")));
}

/** The last argument of `set`: none for the cache's own TTL, `null` for no expiry. The cache checks everything else. */
function ttlArgument(ttl) {
  return ttl === "" ? [] : [{ ttl: ttl === "never" ? null : ttl }];
}

function written(value) {
  return typeof value === "object" ? `{ ttl: ${JSON.stringify(value.ttl)} }` : JSON.stringify(value);
}

function shown(name, value) {
  if (value === undefined) {
    return name === "set" ? "stored" : "undefined, a miss";
  }
  return JSON.stringify(value);
}

function answer(call, result, className) {
  const item = element("li", className, "");
  item.append(element("code", "call", call), element("span", "arrow", " → "), element("code", "answer", result));
  list.prepend(item);
  if (list.children.length > MOST) {
    list.lastElementChild.remove();
  }
  byId("answers-none").hidden = true;
}
