// Files as workloads, line by line: what is read, and what is wrong with which line.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MAX_FILE_BYTES, parseFile } from "../src/parse.js";

const parse = (content, name = "file.txt") => parseFile(new File([content].flat(), name));
const keysOf = ({ names, ids }) => [...ids].map((id) => names[id]);
const start = "192.0.2.7 - frank [10/Oct/2026:13:55:36 -0700]";

describe("one key per line", () => {
  test("in order, whatever the line ends", async () => {
    const unix = await parse("a\nb\n\na\nc d\n");
    const windows = await parse("a\r\nb\r\n\r\na\r\nc d");
    assert.deepEqual(keysOf(unix), ["a", "b", "a", "c d"]);
    assert.deepEqual(keysOf(windows), keysOf(unix));
    assert.deepEqual([unix.format, unix.skipped], ["keys", 0]);
    assert.deepEqual(keysOf(await parse("\ufeffa\nb")), ["a", "b"]);
  });

  test("across the chunks of a stream", async () => {
    const keys = Array.from({ length: 60_000 }, (_, at) => `schlüssel:${at % 7001}:😀`);
    const read = await parse(keys.join("\n"));
    assert.deepEqual(keysOf(read), keys);
    assert.equal(read.names.length, 7001);
  });
});

describe("access logs", () => {
  test("common format", async () => {
    const read = await parse([`${start} "GET /a?x=1 HTTP/1.0" 200 2326\n`, `${start} "HEAD /b HTTP/2" 304 -\n`]);
    assert.deepEqual([read.format, keysOf(read)], ["common", ["/a?x=1", "/b"]]);
  });

  test("combined format, with what real servers write", async () => {
    const lines = [
      `${start} "GET /a HTTP/1.1" 200 5 "https://example.com/?q=\\"x\\"" "Mozilla/5.0 (X11)"`,
      `2001:db8::1 - - [10/Oct/2026:13:55:36 -0700] "-" 408 0 "-" "-"`,
      `${start} "\\x16\\x03\\x01" 400 226 "-" "-"`,
      `${start} "POST /b HTTP/1.1" 200 5 "-" "curl/8"`,
    ];
    const read = await parse(lines.join("\n"));
    assert.deepEqual([read.format, keysOf(read)], ["combined", ["/a", "/b"]]);
    assert.deepEqual([read.skipped, read.firstSkipped], [2, 2]);
  });
});

describe("what cannot be used", () => {
  const bytes = (...all) => new Uint8Array(all);
  for (const [what, content, why] of [
    ["nothing", "", /^file\.txt: the file is empty$/],
    ["blank lines", "\n \n\t\n", /^file\.txt: there is no key in its 3 lines/],
    ["a log without requests", `${start} "-" 408 0\n${start} "-" 408 0`, /no usable line; line 1 of the log/],
    ["a control character", "a\nb\nc\0d\n", /^file\.txt: line 3 has the byte 0x00, so this is a binary file/],
    ["another encoding", ["a\nb\n", bytes(0x6d, 0xfc, 0x0a, 0x63)], /^file\.txt: line 3 is not UTF-8 text/],
    ["UTF-16", bytes(0xff, 0xfe, 0x61, 0x00, 0x0a, 0x00), /^file\.txt: line 1 has the byte 0x00/],
    ["xz", bytes(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00), /^file\.txt: line 1 has the byte 0x00/],
    ["too long a key", `a\n${"k".repeat(65_537)}\n`, /^file\.txt: line 2 has a key of 65,537 bytes; up to 65,536/],
    ["a line without end", `a\n${"k".repeat(2 ** 21)}`, /^file\.txt: line 2 has more than 1 MB/],
  ]) {
    test(what, () => assert.rejects(parse(content), { message: why }));
  }

  test("too large a file, before it is read", async () => {
    const file = { name: "big.txt", size: MAX_FILE_BYTES + 1 };
    await assert.rejects(parseFile(file), {
      message: /^big\.txt: the file has 67,108,865 bytes; up to 67,108,864 bytes \(64 MB\) are read/,
    });
  });
});

test("a key of exactly the allowed length is a key", async () => {
  assert.equal((await parse("k".repeat(65_536))).names[0].length, 65_536);
});
