/** The part of the page that shows two clients of one store: a write in one drops the copy in the other. */

import { HttpCache, TieredCache } from "isocache";
import { byId, element, setText } from "./dom.js";

/** What the bridge has from this part begins so, and is gone soon. Other tabs of the page use the same. */
const FAR = { namespace: "page-tiers", ttl: "10m", timeout: "10s", retries: 0, breaker: false };
const KEYS = ["price", "stock", "title"];
/** Between two looks at what no event tells, in milliseconds. */
const PAUSE = 200;

/** When the last write of each key was sent, by the clock of the page. */
const sentAt = new Map();
let written = 0;

/** A `fetch` over a line that can be cut: streams end, and requests fail. */
function line() {
  const open = new Set();
  let isCut = false;
  const send = async (url, init) => {
    if (isCut) {
      throw new TypeError("the line is cut, by the switch on the page");
    }
    const controller = new AbortController();
    open.add(controller);
    init.signal.addEventListener("abort", () => controller.abort(init.signal.reason));
    return fetch(url, { ...init, signal: controller.signal });
  };
  const cut = (wanted) => {
    isCut = wanted;
    for (const controller of isCut ? open : []) {
      controller.abort(new TypeError("the line was cut"));
    }
    open.clear();
  };
  return { send, cut };
}

/** A client with its pane. */
class Client {
  #pane;
  #tiers;
  #line = line();
  /** The copies that it has, by key. */
  #copies = new Map();

  constructor(pane) {
    this.#pane = pane;
    const far = new HttpCache({ url: location.origin, ...FAR, fetch: this.#line.send });
    const onRemoval = ({ key }) => this.#drop(key);
    // Each is to have a stream of its own, as clients in two browsers have.
    this.#tiers = new TieredCache({ far, near: { onRemoval }, invalidations: { shared: false } });
    this.rows = new Map(KEYS.map((key) => [key, this.#row(key)]));
  }

  async start() {
    await this.#tiers.ready();
    await Promise.all(KEYS.map((key) => this.read(key)));
  }

  close() {
    return this.#tiers.close();
  }

  cut(isCut) {
    this.#line.cut(isCut);
  }

  async read(key) {
    try {
      const found = this.#tiers.get(key);
      const isCopy = !(found instanceof Promise);
      const value = await found;
      this.#keep(key, value, isCopy ? "answered from memory" : "asked the store");
    } catch ({ code }) {
      this.#tell(key, undefined, `failed: ${code}`);
    }
  }

  async write(key) {
    const value = `no. ${++written}`;
    sentAt.set(key, performance.now());
    try {
      await this.#tiers.set(key, value);
      this.#keep(key, value, "written here");
    } catch ({ code }) {
      this.#tell(key, undefined, `not written: ${code}`);
    }
    await showStore();
  }

  #keep(key, value, how) {
    if (value === undefined) {
      this.#tell(key, value, `${how}: absent, no copy`);
      return;
    }
    this.#copies.set(key, value);
    this.#tell(key, value, how);
  }

  #drop(key) {
    if (this.#copies.delete(key)) {
      const lag = performance.now() - (sentAt.get(key) ?? Number.NaN);
      this.#tell(key, undefined, Number.isNaN(lag) ? "dropped" : `dropped after ${lag.toFixed(1)} ms`);
      // Others write, too, in other tabs.
      showStore().catch(() => undefined);
    }
  }

  #tell(key, value, how) {
    const { state, shown } = this.rows.get(key);
    setText(shown, value ?? "\u2013");
    setText(state, how);
    state.dataset.kept = String(value !== undefined);
  }

  /** Shows what no event tells. */
  look() {
    const { link, nearHits, farHits, misses, invalidations, resets } = this.#tiers.tierStats();
    const state = this.#pane.querySelector(".link");
    state.dataset.state = link === "connected" ? "connected" : "none";
    setText(state, link === "connected" ? "connected: copies are served" : `${link}: copies are not served`);
    const asked = `${farHits + misses} from the store`;
    setText(
      this.#pane.querySelector(".counts"),
      `${nearHits} reads from memory, ${asked}; ${invalidations} changes announced, ${resets} resets`,
    );
  }

  #row(key) {
    const row = element("div", "tier-row", "");
    const shown = element("output", "code", "\u2013");
    const state = element("span", "tier-state", "no copy");
    const buttons = [
      ["Read", () => this.read(key)],
      ["Write", () => this.write(key)],
    ].map(([text, act]) => {
      const button = element("button", "", text);
      button.type = "button";
      button.setAttribute("aria-label", `${text} ${key} in ${this.#pane.dataset.name}`);
      button.addEventListener("click", act);
      return button;
    });
    row.append(element("span", "code", key), shown, ...buttons, state);
    this.#pane.querySelector(".tier-rows").append(row);
    return { shown, state };
  }
}

let store;

async function showStore() {
  const values = await store.getMany(KEYS);
  const rows = KEYS.map((key, at) => {
    const row = element("div", "tier-row", "");
    row.append(element("span", "code", key), element("output", "code", values[at] ?? "absent"));
    return row;
  });
  byId("tiers-store").replaceChildren(...rows);
}

/** Waits for the button, and starts the clients. */
export function watchTiers() {
  const start = byId("tiers-start");
  const isCut = byId("tiers-cut");
  start.addEventListener("click", async () => {
    start.disabled = true;
    store = new HttpCache({ url: location.origin, ...FAR });
    const clients = ["tiers-one", "tiers-two"].map((id) => new Client(byId(id)));
    try {
      await showStore();
      await Promise.all(clients.map((client) => client.start()));
    } catch ({ message }) {
      setText(byId("tiers-note"), `The clients need a bridge that serves this page: make demo. ${message}`);
      clients.map((client) => client.close());
      return;
    }
    isCut.disabled = false;
    isCut.addEventListener("change", () => clients[1].cut(isCut.checked));
    setInterval(() => {
      for (const client of clients) {
        client.look();
      }
    }, PAUSE);
  });
}
