// Errors tell what was wrong and what to do: hints for connections that cannot work, and whether to try again.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { HttpCache } from "isocache/http";
import { run } from "../../support/processes.mjs";
import { answer, nowhere, startFaults } from "./support/faults.mjs";

const TRANSPORTS = { "Node's client": undefined, fetch: (url, init) => fetch(url, init) };

for (const [transport, send] of Object.entries(TRANSPORTS)) {
  describe(transport, () => {
    let folder;
    let secure;
    let faults;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "isocache-errors-"));
      const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
      const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
      const words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, ...subject];
      await run("openssl", words);
      secure = createServer({ key: await readFile(key), cert: await readFile(cert) }, (_, response) => response.end());
      await new Promise((resolve) => secure.listen(0, "127.0.0.1", resolve));
      faults = await startFaults();
    });
    after(async () => {
      await faults?.close();
      secure?.closeAllConnections();
      await new Promise((resolve) => (secure ? secure.close(resolve) : resolve()));
      await rm(folder, { recursive: true, force: true });
    });
    const failure = async (url, options) => {
      const cache = new HttpCache({ url, fetch: send, retries: 0, breaker: false, timeout: "5m", ...options });
      try {
        await cache.get("a");
      } catch (error) {
        return error;
      } finally {
        await cache.close();
      }
      return assert.fail("it must fail");
    };

    test("a self-signed certificate: how to trust it", async () => {
      const error = await failure(`https://127.0.0.1:${secure.address().port}`);
      assert.deepEqual([error.code, error.retryable], ["connection", false]);
      assert.match(error.message, /DEPTH_ZERO_SELF_SIGNED_CERT.*not signed by an authority.*NODE_EXTRA_CA_CERTS/);
    });

    test("https to a server of plain HTTP: how to name it", async () => {
      const error = await failure(faults.url.replace("http:", "https:"));
      assert.deepEqual([error.code, error.retryable], ["connection", false]);
      assert.match(error.message, /did not answer with TLS.*url must begin with http:\/\//);
    });

    test("a port without a server", async () => {
      const error = await failure(await nowhere());
      assert.deepEqual([error.code, error.retryable], ["connection", true]);
      assert.match(error.message, /ECONNREFUSED.*is it running/);
    });

    for (const [status, code, retryable] of [
      [401, "refused", false],
      [403, "refused", false],
      [413, "refused", false],
      [404, "protocol", false],
      [429, "unavailable", true],
      [500, "unavailable", true],
      [503, "unavailable", true],
      [504, "timeout", true],
    ]) {
      test(`${status}: ${code}, ${retryable ? "" : "not "}retryable`, async () => {
        faults.faults = [answer(status, '{"error":"WRONG this"}')];
        const error = await failure(faults.url);
        assert.deepEqual([error.code, error.retryable], [status === 404 ? error.code : code, retryable]);
        assert.ok(error.message.includes(faults.url) || status === 404, error.message);
      });
    }

    test("the breaker tells how often, when again, and why", async () => {
      faults.faults = [answer(503, "{}"), answer(503, "{}")];
      const options = { breaker: { failures: 2, cooldown: "5s" }, retries: 0, fetch: send, timeout: "5m" };
      let now = 0;
      const cache = new HttpCache({ url: faults.url, clock: () => now, ...options });
      await assert.rejects(cache.get("a"), /503/);
      await assert.rejects(cache.get("a"), /503/);
      now = 800;
      const told =
        /not sent: http:\S+ failed 2 times in a row; next try in 4\.2 s \(last: http.* responded with status 503/;
      await assert.rejects(cache.get("a"), told);
      await cache.close();
    });
  });
}
