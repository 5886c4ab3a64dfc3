/** Browsers that open a page and give what its program has left in \`window.result\`. */

import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { launch, launchOptions } from "../../js/support/browser.mjs";
import { serve } from "../../js/support/server.mjs";
import { freePort, start, temporaryFolder } from "../../support/processes.mjs";
import { eventually } from "../../support/waiting.mjs";

/** Opens one page of a server of `folder` and of `pages` in Chromium. */
export async function inChromium({ folder, pages = {}, path = "/index.html", url }) {
  const server = url === undefined ? await serve({ folders: { "": folder }, pages }) : undefined;
  const browser = await launch();
  try {
    const { result, errors } = await browser.run(url ?? server.url + path);
    if (result === undefined || errors.length > 0) {
      throw new Error(`errors in the page: ${errors.join("; ")}`);
    }
    return { text: result, version: browser.version };
  } finally {
    await browser.close();
    await server?.close();
  }
}

export const OPTIONS = launchOptions;

/** Calls `use` with a folder for the profile of a browser. */
export async function withProfile(use) {
  const profile = temporaryFolder();
  try {
    return await use(profile);
  } finally {
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** A session of WebDriver, over HTTP. */
async function session(url, capabilities) {
  const send = async (method, path, body) => {
    const response = await fetch(`${url}/session${path}`, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const { value } = await response.json();
    if (!response.ok) {
      throw new Error(`WebDriver, ${method} ${path}: ${value.error}: ${value.message}`);
    }
    return value;
  };
  const { sessionId, capabilities: has } = await send("POST", "", { capabilities: { alwaysMatch: capabilities } });
  return {
    version: has.browserVersion,
    open: (address) => send("POST", `/${sessionId}/url`, { url: address }),
    evaluate: (script) => send("POST", `/${sessionId}/execute/sync`, { script, args: [] }),
    end: () => send("DELETE", `/${sessionId}`),
  };
}

const GECKODRIVER = [join(process.env.HOME ?? "", ".cargo/bin/geckodriver"), "/usr/bin/geckodriver"].find(existsSync);
const DRIVERS = {
  Firefox: {
    command: (port) => [GECKODRIVER ?? "geckodriver", ["--port", String(port)]],
    capabilities: {
      browserName: "firefox",
      "moz:firefoxOptions": {
        args: ["-headless"],
        binary: ["/usr/bin/firefox-esr", "/usr/bin/firefox"].find(existsSync),
      },
    },
  },
  WebKit: {
    command: (port) => ["xvfb-run", ["--auto-servernum", "WebKitWebDriver", `--port=${port}`]],
    capabilities: {
      browserName: "MiniBrowser",
      "webkitgtk:browserOptions": {
        binary: ["4.1", "4.0"]
          .map((version) => `/usr/lib/x86_64-linux-gnu/webkit2gtk-${version}/MiniBrowser`)
          .find(existsSync),
        args: ["--automation"],
      },
    },
  },
};

/** The same in Firefox or WebKit, by their drivers. */
export async function inDriven(name, { folder, pages = {}, path = "/index.html" }) {
  const { command, capabilities } = DRIVERS[name];
  const port = await freePort();
  const home = temporaryFolder();
  const env = { ...process.env, HOME: home, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1", TMPDIR: home };
  const [program, args] = command(port);
  const driver = start(program, args, { env });
  const server = await serve({ folders: { "": folder }, pages });
  const url = `http://127.0.0.1:${port}`;
  try {
    await eventually(`the driver of ${name}`, () =>
      fetch(`${url}/status`).then(
        () => true,
        () => undefined,
      ),
    );
    const browser = await session(url, capabilities);
    try {
      await browser.open(server.url + path);
      const found = await eventually(
        `a result in ${name}`,
        async () => {
          const [result, error] = await browser.evaluate("return [window.result ?? null, window.failure ?? null]");
          return result !== null || error !== null ? { result, error } : undefined;
        },
        60_000,
      );
      if (found.result === null) {
        throw new Error(`error in the page: ${found.error}`);
      }
      return { text: JSON.parse(found.result), version: browser.version };
    } finally {
      await browser.end();
    }
  } finally {
    await driver.kill();
    await server.close();
    await rm(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}
