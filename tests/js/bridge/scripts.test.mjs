// Lua scripts and functions, which are Redis' alone.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { onStores } from "./support/stores.mjs";

const sha1 = (text) => createHash("sha1").update(text).digest("hex");

onStores(["redis"], (its) => {
  test("EVAL", async () => {
    const { redis } = its;
    assert.deepEqual(await redis.eval("return {KEYS[1], ARGV[1], ARGV[2]}", ["k"], ["a", { b: 1 }]), [
      "k",
      "a",
      { b: 1 },
    ]);
    assert.equal(await redis.eval("return redis.call('SET', KEYS[1], ARGV[1])", ["k"], ["v"]), "OK");
    assert.equal(await redis.evalRo("return redis.call('GET', KEYS[1])", ["k"], []), "v");
    assert.equal(await redis.eval("return nil", [], []), null);
    assert.equal(await redis.eval("return 3.9", [], []), 3);
    await assert.rejects(redis.eval("return redis.error_reply('MINE it broke')", [], []), /MINE it broke/);
    await assert.rejects(redis.eval("return (", [], []), /ERR Error compiling script/);
    await assert.rejects(
      redis.evalRo("return redis.call('SET', KEYS[1], 'x')", ["k"], []),
      /Write commands are not allowed from read-only scripts/,
    );
  });

  test("EVALSHA and SCRIPT", async () => {
    const { redis } = its;
    const script = "return ARGV[1]";
    await redis.scriptFlush();
    await assert.rejects(redis.evalsha(sha1(script), [], ["a"]), /NOSCRIPT No matching script/);
    assert.equal(await redis.scriptLoad(script), sha1(script));
    assert.deepEqual(await redis.scriptExists(sha1(script), sha1("another")), [1, 0]);
    assert.equal(await redis.evalsha(sha1(script), [], ["a"]), "a");
    assert.equal(await redis.evalshaRo(sha1(script), [], ["a"]), "a");
  });

  test("the client's Script, which tries EVALSHA first", async () => {
    const { redis } = its;
    const script = redis.createScript("return {ARGV[1], 1}");
    assert.deepEqual(await script.exec([], ["a"]), ["a", 1]);
    assert.deepEqual(await script.exec([], ["b"]), ["b", 1]);
    const reader = redis.createScript("return #KEYS", { readonly: true });
    assert.equal(await reader.exec(["a", "b"], []), 2);
  });

  test("scripts with a flag that only the hosted service knows", async () => {
    const { redis } = its;
    const script = "#!lua flags=allow-key-locking\nreturn redis.call('INCR', KEYS[1])";
    assert.equal(await redis.eval(script, ["n"], []), 1);
    assert.equal(await redis.evalsha(sha1(script), ["n"], []), 2, "by the digest of what the client sent");
    await redis.scriptFlush();
    await assert.rejects(redis.evalsha(sha1(script), ["n"], []), /NOSCRIPT/);
    await redis.scriptLoad(script);
    assert.equal(await redis.evalsha(sha1(script), ["n"], []), 3);
    assert.equal(await redis.createScript(script).exec(["n"], []), 4);
    const [inPipeline] = await redis.pipeline().eval(script, ["n"], []).exec();
    const [inTransaction] = await redis.multi().eval(script, ["n"], []).exec();
    assert.deepEqual([inPipeline, inTransaction], [5, 6]);
    const withRedisFlag = "#!lua flags=no-writes,allow-key-locking\nreturn redis.call('INCR', KEYS[1])";
    await assert.rejects(redis.eval(withRedisFlag, ["n"], []), /Write commands are not allowed from read-only scripts/);
    await assert.rejects(
      redis.eval("#!lua flags=no-such\nreturn 1", [], []),
      /Unexpected flag in script shebang: no-such/,
    );
  });

  test("functions", async () => {
    const { redis } = its;
    const code =
      "#!lua name=mylib\nredis.register_function{function_name='first', callback=function(keys, args) return args[1] end, flags={'no-writes'}}";
    assert.equal(await redis.functions.load({ code, replace: true }), "mylib");
    assert.equal(await redis.functions.call("first", [], ["a"]), "a");
    assert.equal(await redis.functions.callRo("first", [], ["a"]), "a");
    const [library] = await redis.functions.list();
    assert.equal(library.libraryName, "mylib");
    assert.equal(await redis.functions.delete("mylib"), "OK");
    await assert.rejects(redis.functions.call("first", [], []), /ERR Function not found/);
  });
});
