"""Checks the bridge with the official client. Arguments: the group of checks, the store, the URL, a token, a reader's token."""

import asyncio
import sys

from upstash_redis import Redis
from upstash_redis.asyncio import Redis as AsyncRedis
from upstash_redis.errors import UpstashError

GROUP, STORE, URL, TOKEN, READ_ONLY_TOKEN = sys.argv[1:]
redis = Redis(url=URL, token=TOKEN, rest_retries=0)


def equal(got, wanted):
    assert got == wanted, f"got {got!r}, wanted {wanted!r}"


def raises(run, text):
    try:
        got = run()
    except UpstashError as error:
        assert text in str(error), f"{text!r} is not in {error!s}"
    else:
        raise AssertionError(f"{got!r} instead of the error {text!r}")


def strings():
    for value in ["", "text", "\u00e4\u65e5\U0001f600", "a\u0000b\r\n", "OK", "12345678901234567890", "x" * 2**20]:
        equal(redis.set("k", value), True)
        equal(redis.get("k"), value)
        equal(redis.mget("k", "none"), [value, None])
    equal(redis.set("k/+=?#% ", "odd", ex=1000), True)
    equal(redis.get("k/+=?#% "), "odd")
    assert 900 < redis.ttl("k/+=?#% ") <= 1000
    equal(redis.set("k", "v", nx=True), False)
    equal(redis.set("k", "v", get=True), "x" * 2**20)
    equal(redis.append("k", "w"), 2)
    equal(redis.getdel("k"), "vw")
    equal(redis.get("k"), None)
    equal(redis.incrby("n", 41), 41)
    equal(redis.incr("n"), 42)
    equal(redis.incrbyfloat("n", 0.5), 42.5)
    equal(redis.mset({"a": "1", "b": "2"}), True)
    equal(redis.exists("a", "b", "none"), 2)
    equal(redis.expire("a", 1000), True)
    equal(redis.persist("a"), True)
    equal(sorted(redis.keys("[ab]")), ["a", "b"])
    cursor, keys = redis.scan(0, match="a*", count=1000)
    equal((cursor, keys), (0, ["a"]))
    equal(redis.type("a"), "string")
    equal(redis.delete("a", "b", "none"), 2)
    equal(redis.ping(), "PONG")


def batches():
    pipeline = redis.pipeline()
    pipeline.set("k", 1).incr("k").get("k").get("none")
    equal(pipeline.exec(), [True, 2, "2", None])
    multi = redis.multi()
    multi.set("k", 1).incrby("k", 5).get("k")
    equal(multi.exec(), [True, 6, "6"])


def errors():
    redis.set("text", "abc")
    raises(lambda: redis.incr("text"), "ERR value is not an integer or out of range")
    raises(lambda: redis.execute(["NOSUCH"]), "ERR refused by the bridge: 'NOSUCH' is not in its table of commands")
    raises(lambda: redis.execute(["GET"]), "ERR wrong number of arguments for 'get' command")
    multi = redis.multi()
    multi.set("k", "changed")
    multi.execute(["NOSUCH"])
    try:
        got = multi.exec()
    except (UpstashError, AttributeError):
        # This version takes the one error of a discarded transaction for a list of answers, and stumbles over it.
        pass
    else:
        raise AssertionError(f"{got!r} instead of an error")
    equal(redis.get("k"), None)
    pipeline = redis.pipeline()
    pipeline.incr("text").set("k", "v")
    raises(pipeline.exec, "ERR value is not an integer or out of range")
    equal(redis.get("k"), "v")


def tokens():
    redis.set("k", "v")
    reader = Redis(url=URL, token=READ_ONLY_TOKEN, rest_retries=0)
    equal(reader.get("k"), "v")
    raises(lambda: reader.set("k", "w"), "NOPERM refused by the bridge: this token may not run 'set'")
    raises(lambda: Redis(url=URL, token="wrong", rest_retries=0).get("k"), "WRONGPASS invalid or missing auth token")
    equal(redis.get("k"), "v")


def hashes():
    if STORE == "memory":
        raises(lambda: redis.hset("h", "a", "1"), "embedded store")
        return
    equal(redis.hset("h", values={"a": "1", "b": "OK", "c": "\u00e4"}), 3)
    equal(redis.hgetall("h"), {"a": "1", "b": "OK", "c": "\u00e4"})
    equal(redis.hmget("h", "a", "none"), ["1", None])
    equal(redis.hincrby("h", "a", 2), 3)
    equal(redis.hdel("h", "a", "none"), 1)
    equal(redis.zadd("z", {"a": 1, "b": 2.5}), 2)
    equal(redis.zrange("z", 0, -1, withscores=True), [("a", 1.0), ("b", 2.5)])
    equal(redis.rpush("l", "a", "OK"), 2)
    equal(redis.lrange("l", 0, -1), ["a", "OK"])
    equal(redis.sadd("s", "a"), 1)
    equal(redis.smembers("s"), ["a"])
    equal(redis.eval("return {KEYS[1], ARGV[1]}", keys=["k"], args=["a"]), ["k", "a"])


def asynchronous():
    async def run():
        async with AsyncRedis(url=URL, token=TOKEN, rest_retries=0) as client:
            equal(await client.set("k", "v"), True)
            equal(await asyncio.gather(*[client.get("k") for _ in range(50)]), ["v"] * 50)
            pipeline = client.pipeline()
            pipeline.set("k", 1).incr("k")
            equal(await pipeline.exec(), [True, 2])

    asyncio.run(run())


{check.__name__: check for check in [strings, batches, errors, tokens, hashes, asynchronous]}[GROUP]()
