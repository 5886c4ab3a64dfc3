/** The `fetch` of an `HttpCache`: the platform's, which reports each request and whose connection can be broken. */

/**
 * A `fetch`. `connection()` returns how it behaves: `"works"`, `"refuses"` or `"silent"`. `report` receives each request when
 * its response begins, or when there is none: `{ commands, names, answer, good, ms }`.
 */
export function watchedFetch(connection, report) {
  return async (url, init) => {
    const commands = JSON.parse(init.body);
    const began = performance.now();
    const ended = (answer, good) => {
      report({ commands: commands.length, names: namesOf(commands), answer, good, ms: performance.now() - began });
    };
    try {
      const response = await SEND[connection()](url, init);
      ended(`${response.status}`, response.ok);
      return response;
    } catch (error) {
      ended(init.signal.aborted ? "given up" : "no connection", false);
      throw error;
    }
  };
}

const SEND = {
  works: (url, init) => fetch(url, init),
  refuses: async () => {
    throw new TypeError("the connection is broken, by the switch on the page");
  },
  silent: (_url, { signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    }),
};

/** As `20 GET`. */
function namesOf(commands) {
  const counts = new Map();
  for (const [name] of commands) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${count} ${name}`).join(", ");
}
