// Every command answers through the bridge, byte for byte, what Redis answers to it directly, errors included.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startRedis } from "../../support/redis.mjs";
import { AUTHORIZED, sendJson } from "./support/http.mjs";
import { onStores } from "./support/stores.mjs";

/** One command a line, its arguments apart by blanks; `''` is an empty one. What depends on chance or on the time is left out. */
const STRINGS_AND_KEYS = `
set k v | get k | get none | set k w XX GET | set none w XX | set k x NX | set k x NX GET | set k y KEEPTTL | get k
set k v EX 100000 | persist k | persist k | set k v PXAT 4102444800001 | pexpiretime k | expiretime k | set k v EXAT 1 | get k
set k v EX 0 | set k v EX x | set k v PX -5 | set k v EX 5 PX 5 | set k v NX XX | set k v EX | set k | set | set k v FOO
set k v KEEPTTL EX 5 | set k v EXAT 9223372036854775807 | set k v PX 9223372036854775807
setex k 100000 v | setex k 0 v | setex k x v | setex k 100 | psetex k 100000000 v | psetex k -1 v | setnx k v | setnx fresh v
getset k w | getset fresh2 v | getdel fresh2 | getdel fresh2 | getex k | getex k PERSIST | getex k EX 0 | getex k FOO | getex none EX 5
getex k EXAT 4102444800 | expiretime k | getex k PERSIST EX 5 | expiretime k | del k
mset a 1 b 2 | mset a 1 b | mset | mget a none b a | mget | msetnx a 5 z 6 | msetnx y 5 z 6 | exists a a none y | exists
append k abc | append k '' | append k def | strlen k | strlen none | append k | strlen
incr n | incrby n 41 | decr n | decrby n 100 | incrby n x | incrby n 1.5 | incrby n 9223372036854775807 | incrby n | incr k
incrby n 9223372036854775807 | decrby n -9223372036854775808 | decrby m -9223372036854775808 | incrby n ' ' | incrby n +1 | incrby n 01
incrbyfloat f 0.1 | incrbyfloat f 0.2 | incrbyfloat f -0.3 | incrbyfloat f 1e3 | incrbyfloat f x | incrbyfloat f inf | incrbyfloat f nan | incrbyfloat k 1
incrbyfloat f 5.0e-1 | incrbyfloat f 1e-17 | incrbyfloat big 1e300 | incrbyfloat big 1e308 | get f
type k | type none | ttl k | ttl none | pttl none | expire k 100000 NX | expire k 200000 NX | expire k 50000 GT | expire k 50000 LT | expire none 5
expire k 100 NX XX | expire k 100 GT LT | expire k 100 FOO | expire k x | expire k 9223372036854775807 | pexpire k 9223372036854775807
expireat k 4102444800 | expiretime k | pexpireat k 4102444800123 | pexpiretime k | expiretime none | pexpiretime none | expireat k 1 | exists k
set k v | pexpire k 0 | exists k | set k v | expire k -1 | exists k | expire
touch a b none | touch | unlink a b none | unlink | del | set k v | rename k k2 | rename none x | rename k2 k2 | exists k k2 | rename k2
echo hello | echo '' | echo | ping | ping hello | ping a b | keys k* | keys none | keys | dbsize | dbsize x | scan 0 MATCH none COUNT 1000
scan 0 COUNT 0 | scan 0 COUNT x | scan 0 MATCH | scan | scan 0 MATCH k2 COUNT 1000 | scan 0 FOO 1 | randomkey x | flushdb | dbsize | flushall | flushall x | randomkey
publish nobody x | publish nobody | get a b | get
`;

const COLLECTIONS = `
hset h a 1 b 2 | hset h a 3 c '' | hset h a | hset h | hget h a | hget h none | hget none a | hget h | hgetall h | hgetall none | hmget h a none | hlen h
hexists h a | hexists h none | hkeys h | hvals h | hstrlen h a | hincrby h a 5 | hincrby h c 5 | hincrby h a x | hincrbyfloat h a 0.5 | hincrbyfloat h a inf
hsetnx h a 1 | hsetnx h d 1 | hmset h e 5 | hdel h a none | hdel h | hscan h 0 | hscan h 0 MATCH e COUNT 100 | hrandfield none | hrandfield none 5 | get h | incr h | append h x
rpush l a b c | lpush l z | lpush l | lrange l 0 -1 | lrange l 5 1 | lrange l x 1 | llen l | llen h | lindex l 0 | lindex l 99 | lset l 0 Z | lset l 99 x | lset none 0 x
linsert l BEFORE b B | linsert l AFTER none x | linsert l FOO b x | lpos l b | lpos l b COUNT 0 | lpos l none | lpos l none COUNT 0 | lpos l b RANK 0 | lrem l 0 b | lpushx none a | rpushx l d
lpop l | lpop l 2 | lpop none | lpop none 2 | lpop l -1 | rpop l 1 | rpop l | rpush l 1 2 3 | lmove l m LEFT RIGHT | lmove none m LEFT RIGHT | lmove l m FOO RIGHT | rpoplpush l m
lmpop 2 none m LEFT COUNT 5 | lmpop 1 none LEFT | lmpop 0 l LEFT | ltrim l 0 0 | lrange l 0 -1 | sort l | sort l ALPHA DESC LIMIT 0 1 | sort_ro l | sort l STORE sorted | sort none
sadd s a b c | sadd s a | sadd s | scard s | sismember s a | smismember s a x | srem s a x | sadd t b d | sinter s t | sdiff s t | sintercard 2 s t LIMIT 1 | sintercard 0 s | sinterstore o s t
sunionstore o s t | scard o | sdiffstore o none s | smembers o | smembers none | smove s t c | smove s t none | srandmember none | srandmember none 2 | spop none | spop none 2 | spop s 5 | sadd h x | sscan none 0
zadd z 1 a 2 b 3.5 c | zadd z NX 9 a | zadd z XX CH 5 a | zadd z INCR 1 a | zadd z GT LT 1 a | zadd z NX XX 1 a | zadd z x a | zadd z 1 | zadd z nan a | zadd z inf i | zadd z -inf j | zscore z i
zrange z 0 -1 WITHSCORES | zrange z 0 -1 REV | zrange z (1 +inf BYSCORE LIMIT 0 2 | zrange z - + BYLEX | zrange z 0 1 BYSCORE BYLEX | zrangebyscore z -inf (5 WITHSCORES | zrevrangebyscore z +inf 2 | zrevrange z 0 0 | zrangebyscore z x y
zscore z none | zscore z b | zmscore z b none | zcard z | zcount z -inf +inf | zcount z x y | zrank z b | zrank z none | zrevrank z b | zincrby z 1.5 b | zincrby z x b | zincrby z 1e20 e | zscore z e | zincrby z -inf i
zpopmin z | zpopmax z 2 | zpopmin none | zpopmin none 5 | zmpop 1 z MIN COUNT 1 | zmpop 1 none MIN | zrem z a none | zadd y 0 a 0 b 0 c | zlexcount y [a (c | zrangebylex y - (c | zrevrangebylex y + - | zlexcount y a b
zadd w 1 a 2 b | zunionstore o 2 y w WEIGHTS 1 2 AGGREGATE MAX | zrange o 0 -1 WITHSCORES | zinterstore o 2 y w | zdiffstore o 2 y w | zunion 2 y w WITHSCORES | zinter 2 y w | zdiff 2 y w | zintercard 2 y w | zunion 0 y
zrangestore o y 0 1 | zremrangebylex y [a [a | zremrangebyrank y 0 0 | zremrangebyscore y 0 0 | zrandmember none | zrandmember none 2 | zscan w 0 | zadd l 1 a
`;

const THE_REST = `
xadd s 1-1 a 1 b 2 | xadd s 1-1 a 1 | xadd s 0-0 a 1 | xadd s 2 a 2 | xadd s x a 1 | xadd s 3 a | xadd s NOMKSTREAM 3-0 c 3 | xadd none NOMKSTREAM 1-0 a 1 | xlen s | xrange s - + | xrange s - + COUNT 1 | xrange s (1-1 + | xrange s x +
xrevrange s + - COUNT 1 | xread COUNT 1 STREAMS s 0 | xread STREAMS s 9 | xread STREAMS s | xread STREAMS s none 1-1 0 | xread COUNT 1 STREAMS s s 0 | xgroup CREATE s g 0 | xgroup CREATE s g 0 | xgroup CREATE none g 0 | xgroup CREATE mk g $ MKSTREAM
xreadgroup GROUP g c COUNT 1 STREAMS s > | xreadgroup GROUP g c STREAMS s 0 | xreadgroup GROUP no c STREAMS s > | xack s g 1-1 | xack s g 1-1 | xpending s g | xgroup CREATECONSUMER s g d | xgroup DELCONSUMER s g d | xgroup SETID s g 0 | xgroup FOO s g
xclaim s g e 0 1-1 JUSTID | xautoclaim s g e 0 0 COUNT 1 JUSTID | xsetid s 9-0 | xdel s 1-1 9-9 | xtrim s MAXLEN 1 | xtrim s MAXLEN x | xtrim s MINID 3 | xgroup DESTROY s g | xinfo GROUPS s | xinfo STREAM none | xinfo FOO s
setbit b 7 1 | setbit b 7 0 | setbit b x 1 | setbit b 1 2 | getbit b 7 | getbit none 1 | setbit b 100 1 | bitcount b | bitcount b 0 0 BIT | bitcount b 0 | bitpos b 1 | bitpos b 0 | bitpos b 2 | bitop OR o b none | bitop NOT o b | bitop NOT o b b | bitop FOO o b
bitfield f SET u8 0 200 GET u8 0 | bitfield f OVERFLOW FAIL INCRBY u8 0 100 | bitfield f GET u99 0 | bitfield_ro f GET u8 0 | bitfield_ro f SET u8 0 1 | getrange f 0 -1 | setrange f 2 xyz | setrange f -1 x | substr f 0 0 | lcs f f LEN | lcs f f IDX
pfadd p a b c | pfadd p a | pfcount p none | pfmerge q p | pfcount q | pfadd s x | geoadd g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania | geoadd g 999 1 x | geodist g Palermo Catania km | geodist g Palermo none | geodist g Palermo Catania foo
geohash g Palermo none | geopos g Palermo none | geosearch g FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHDIST WITHHASH WITHCOORD | geosearch g FROMMEMBER none BYRADIUS 1 km | georadius g 15 37 100 km | georadius_ro g 15 37 100 km | georadiusbymember g Palermo 1 km | georadiusbymember_ro g Palermo 1 km
geosearchstore o g FROMLONLAT 15 37 BYBOX 400 400 km ASC | zcard o | copy g g2 | copy g g2 | copy g g2 REPLACE | copy none x | copy g g | renamenx g g2 | renamenx g g3 | object ENCODING b | object ENCODING none | object REFCOUNT b | object FOO b | memory USAGE none
eval return{1,'a',{KEYS[1],ARGV[1]}} 1 k v | eval return{ok='FINE'} 0 | eval return{err='MINE_x'} 0 | eval return(nil) 0 | eval return{1,nil,3} 0 | eval return(1==1) 0 | eval return(1==2) 0 | eval x= 0 | eval return(1) x | eval return(1) 2 a | eval return(1) -1 | eval
eval return(redis.call('nosuch')) 0 | eval return(redis.pcall('get')) 0 | eval return(redis.call('incr','g2')) 0 | eval_ro return(redis.call('set','a','b')) 0 | evalsha 0000000000000000000000000000000000000000 0 | evalsha_ro x 0 | script EXISTS x | script LOAD return(5) | script LOAD return( | script FOO
evalsha 4ca238f611c9d0ae4e9a75a5dbac22aedc1e44282 0 | function LIST | function DELETE none | fcall none 0 | fcall_ro none 0 | function FOO | dump none | restore r 0 x | swapdb 0 0 | swapdb 0 x | pubsub NUMSUB a | pubsub CHANNELS | pubsub NUMPAT | pubsub FOO | spublish a b | lolwut VERSION x
`;

const split = (text) =>
  text
    .trim()
    .split(/\s*[|\n]\s*/)
    .map((line) => line.match(/'[^']*'(?= |$)|\S+/g).map((arg) => arg.replace(/^'(.*)'$/, "$1")));

/** Commands that the bridge itself refuses, since it looks for their keys before, and in words of its own. */
const REFUSED_BEFORE = new Set(
  split(`
scan 0 COUNT 0 | lmpop 0 l LEFT | sintercard 0 s | zunion 0 y | xread STREAMS s | xread COUNT 1 STREAMS s s 0
eval return(1) 2 a | eval return(1) -1 | xgroup FOO s g | xinfo FOO s | object FOO b | script FOO | function FOO | pubsub FOO
`).map((command) => command.join(" ")),
);

const HEADERS = { ...AUTHORIZED, "upstash-response-format": "resp2" };

/** The reply to a command in RESP2. What the bridge itself refuses is JSON. */
async function ask(bridge, command) {
  const { status, bytes, json } = await sendJson(bridge, "/", command, { headers: HEADERS });
  const reply = json ? `-${json.error}\r\n` : bytes.toString("latin1");
  assert.equal(status, reply.startsWith("-") ? 400 : 200, `${command.join(" ")}: ${reply}`);
  return reply;
}

function compare(its, name, text) {
  let reference;
  before(async () => {
    reference = await startRedis();
  });
  after(() => reference?.stop());

  test(name, async () => {
    const differences = [];
    for (const command of split(text)) {
      const line = command.join(" ");
      // Nothing is nothing, whether it stands for a string or for an array.
      const expected = (await reference.command(...command)).replaceAll("*-1\r\n", "$-1\r\n");
      const got = await ask(its.bridge, command);
      const same = REFUSED_BEFORE.has(line) ? got.startsWith("-ERR ") && expected.startsWith("-") : got === expected;
      if (!same) {
        differences.push({ line, got, expected });
      }
    }
    assert.deepEqual(differences, []);
  });
}

onStores(["memory", "redis"], (its) => compare(its, "strings and keys", STRINGS_AND_KEYS));
onStores(["redis"], (its) => compare(its, "collections", COLLECTIONS));
onStores(["redis"], (its) => compare(its, "streams, bits, places, scripts and the server", THE_REST));
