/** A server between client and server that does wrong what the tests ask for. */

import { request as ask, createServer } from "node:http";
import { freePort } from "../../../support/processes.mjs";

/** Starts it in front of `target`; without one it answers nothing but faults. */
export async function startFaults(target) {
  const state = {
    /** What is done with the next requests, one after another; when there is none left, they pass. */
    faults: [],
    /** What is always done with requests below a path. */
    always: {},
    /** What came. Clients in another process ask at `/came` how many these are. */
    requests: [],
    /** Requests whose client went away before they had an answer. */
    abandoned: 0,
    /** Requests that have neither an answer nor lost their client. */
    open: 0,
  };
  // A connection that is idle stays open: its client may be about to use it.
  const server = createServer({ keepAliveTimeout: 0 }, async (request, response) => {
    const chunks = [];
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    response.setHeader("access-control-allow-origin", "*");
    if (request.method === "OPTIONS") {
      // A page of another origin asks first whether it may ask.
      response
        .writeHead(204, { "access-control-allow-headers": request.headers["access-control-request-headers"] })
        .end();
      return;
    }
    if (request.url === "/came") {
      response.setHeader("cache-control", "no-store").end(`${state.requests.length}`);
      return;
    }
    state.open++;
    response.on("close", () => {
      state.open--;
      state.abandoned += response.writableFinished ? 0 : 1;
    });
    try {
      for await (const chunk of request) {
        chunks.push(chunk);
      }
    } catch {
      // The client went away in the middle of it.
      return;
    }
    const body = Buffer.concat(chunks);
    state.requests.push({ path: request.url, headers: request.headers, body: body.toString() });
    const [, folder] = request.url.split("/");
    const fault = state.always[folder] ?? state.faults.shift();
    const go = () => pass(target, request, body);
    try {
      await (fault ? fault(response, go) : reply(response, await go()));
    } catch {
      // The client went away, or the server behind has ended.
      response.destroy();
    }
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  state.url = `http://127.0.0.1:${server.address().port}`;
  state.close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return state;
}

function pass(target, { method, url, headers }, body) {
  return new Promise((resolve, reject) => {
    const onward = ask(`${target}${url}`, { method, headers, agent: false }, async (answer) => {
      const chunks = [];
      for await (const chunk of answer) {
        chunks.push(chunk);
      }
      resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks) });
    });
    onward.on("error", reject);
    onward.end(body);
  });
}

function reply(response, { status, headers, body }) {
  const { connection: _, "transfer-encoding": __, ...rest } = headers;
  response.writeHead(status, { ...rest, "content-length": body.length }).end(body);
}

const json = (text) => ({ "content-type": "application/json", "content-length": Buffer.byteLength(text) });

/** Answers with a status, headers and a text. */
export const answer =
  (status, text, headers = {}) =>
  (response) =>
    response.writeHead(status, { ...json(text), ...headers }).end(text);

/** Never answers. */
export const stalledHeaders = () => undefined;

/** Answers a part, and never the rest. */
export const stalledBody = (response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": 100 });
  response.write('[{"result":');
};

/** Breaks the connection in the middle of the answer. */
export const resetInBody = (response) => {
  stalledBody(response);
  setImmediate(() => response.socket.resetAndDestroy());
};

/** Breaks the connection before the request gets anywhere. */
export const reset = (response) => response.socket.resetAndDestroy();

/** Lets the request be carried out, and breaks the connection before the answer. */
export const lostAnswer = async (response, go) => {
  await go();
  response.socket.resetAndDestroy();
};

/** An answer that does not end. */
export const endless = (response) => {
  response.writeHead(200, { "content-type": "application/json" });
  const more = () => {
    while (!response.destroyed && response.write(" ".repeat(65_536))) {}
  };
  response.on("drain", more);
  more();
};

/** An answer that says that it has a GiB. */
export const huge = (response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": 2 ** 30 });
  response.write("[");
};

/** A URL where nobody listens. */
export const nowhere = async () => `http://127.0.0.1:${await freePort()}`;
