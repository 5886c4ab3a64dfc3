/** Requests byte for byte as a test wants them: `fetch` rewrites paths and forbids some headers. */

import { request } from "node:http";
import { LIMIT } from "../../../support/waiting.mjs";
import { READ_ONLY_TOKEN, TOKEN } from "./bridge.mjs";

/** The headers of a caller who may do everything. */
export const AUTHORIZED = { authorization: `Bearer ${TOKEN}` };
/** The headers of a caller who may only read. */
export const READ_ONLY = { authorization: `Bearer ${READ_ONLY_TOKEN}` };

/**
 * Sends a request. `path` goes out as it is, as bytes of Latin-1. The answer has `status`, `headers`, `bytes` and, if they
 * are JSON, `json`.
 */
export function send(bridge, path, { method = "POST", headers = AUTHORIZED, body } = {}) {
  const url = new URL(bridge.url);
  return new Promise((resolve, reject) => {
    const options = { host: url.hostname, port: url.port, path, method, headers, agent: false, timeout: LIMIT };
    const sent = request(options, (response) => {
      const chunks = [];
      response.on("error", reject);
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve(answer(response, Buffer.concat(chunks))));
    });
    sent.on("timeout", () => sent.destroy(new Error(`no answer to ${method} ${path} within ${LIMIT} ms`)));
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Sends JSON: a text, or what becomes one. */
export function sendJson(bridge, path, body, { method, headers } = {}) {
  const text = typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  return send(bridge, path, {
    method,
    body: text,
    headers: { ...AUTHORIZED, "content-type": "application/json", ...headers },
  });
}

function answer({ statusCode, headers }, bytes) {
  let json;
  if (headers["content-type"]?.startsWith("application/json") && bytes.length > 0) {
    json = JSON.parse(bytes.toString("utf8"));
  }
  return { status: statusCode, headers, bytes, json };
}

/** An argument as a segment of a path. */
export function segment(arg) {
  // Dots as they are: a server does not resolve them unless it is broken.
  return encodeURIComponent(arg);
}
