#!/usr/bin/env python3
"""Writes the session files of this folder. Their CRCs are zlib's, so that no code of ours has a part in them.

The expected output beside each file comes from the reference reader: see README.md.
"""
import json
import pathlib
import zlib

HERE = pathlib.Path(__file__).parent
TIME = "2026-05-22T12:00:%02d.000Z"
clock = 0


def seal(record):
    if isinstance(record, str):
        record = record.encode()
    body = record[:-1]
    return body + b',"crc":"%08x"}' % zlib.crc32(body)


def dump(members):
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def record(kind, id, parent, **rest):
    global clock
    clock = (clock + 1) % 60
    return dump({"type": kind, "id": id, "parent_id": parent, "timestamp": TIME % clock, **rest})


def header(ours=True, **rest):
    members = {"type": "session", "version": 1, "id": "0196f0c1-7a00-7000-8000-000000000001",
               "timestamp": "2026-05-22T12:00:00.000Z", "cwd": "/srv/garden", "parent_session": None}
    if ours:
        members["writer"] = "sessionlog/1"
    members.update(rest)
    return seal(dump(members)) if ours else dump(members)


def user(id, parent, text, **rest):
    content = [{"type": "text", "text": text}]
    return record("message", id, parent, message={"role": "user", "content": content, "timestamp_ms": 0}, **rest)


def assistant(id, parent, text, tokens=(10, 5, 0, 0), usage=None):
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    message = {"role": "assistant", "content": [{"type": "text", "text": text}], "api": "Anthropic", "provider": "anthropic",
               "model": "m-1", "response_model": None, "response_id": None, "usage": usage or dict(zip(names, tokens)),
               "stop_reason": "stop", "error_message": None, "timestamp_ms": 0}
    return record("message", id, parent, message=message)


def compaction(id, parent, summary, kept, before=900, after=300):
    return record("compaction", id, parent, summary=summary, first_kept_entry_id=kept, tokens_before=before, tokens_after=after)


def leaf(id, target):
    return record("leaf", id, None, entry_id=target)


def put(name, *lines, end=b"\n"):
    global clock
    clock = 0
    lines = [line.encode() if isinstance(line, str) else line for line in lines]
    (HERE / (name + ".jsonl")).write_bytes(b"\n".join(lines) + (end if lines else b""))


def talk(n=4):
    """A plain talk of ours: msg-1 (user), msg-2 (assistant), ..., each the child of the one before."""
    out = []
    for i in range(1, n + 1):
        parent = None if i == 1 else f"msg-{i - 1}"
        make = user if i % 2 else assistant
        out.append(seal(make(f"msg-{i}", parent, f"line {i}")))
    return out


H, F = header(), header(ours=False)
T = talk()

# Valid: nothing is wrong with these files.
put("valid/chained-branch-leaf", H, *T, seal(leaf("leaf-5", "msg-4")), seal(leaf("leaf-6", "msg-2")),
    seal(user("msg-7", "msg-2", "another way")), seal(assistant("msg-8", "msg-7", "taken", (20, 6, 3, 1))), seal(leaf("leaf-9", "msg-8")))
put("valid/leaf-moves-tip-back", H, *T, seal(leaf("leaf-5", "msg-2")))
put("valid/message-after-last-leaf", H, *T[:2], seal(leaf("leaf-3", "msg-2")), seal(user("msg-4", "msg-2", "not ended yet")))
put("valid/compaction-kept", H, *T, seal(compaction("cmp-5", "msg-4", "What was said.", "msg-3")), seal(leaf("leaf-6", "cmp-5")),
    seal(user("msg-7", "cmp-5", "go on")))
put("valid/compaction-absent", H, *T, seal(compaction("cmp-5", "msg-4", "All of it.", "msg-99")), seal(user("msg-6", "cmp-5", "go on")))
put("valid/compaction-nested", H, *T, seal(compaction("cmp-5", "msg-4", "First.", "msg-4")), seal(user("msg-6", "cmp-5", "six")),
    seal(assistant("msg-7", "msg-6", "seven")), seal(compaction("cmp-8", "msg-7", "Second.", "msg-6")), seal(user("msg-9", "cmp-8", "nine")))
put("valid/compaction-of-what-is-gone", H, *T, seal(compaction("cmp-5", "msg-4", "First.", "msg-4")), seal(user("msg-6", "cmp-5", "six")),
    seal(compaction("cmp-7", "msg-6", "Second: msg-2 is no longer in the buffer.", "msg-2")))
put("valid/compaction-names-a-summary", H, *T, seal(compaction("cmp-5", "msg-4", "First.", "msg-4")), seal(user("msg-6", "cmp-5", "six")),
    seal(compaction("cmp-7", "msg-6", "Second: a summary is never kept.", "cmp-5")))
put("valid/compaction-on-another-branch", H, *T, seal(leaf("leaf-5", "msg-2")), seal(compaction("cmp-6", "msg-2", "Kept: nothing of this branch.", "msg-3")))
put("valid/unknown-entries", H, T[0], seal(record("label", "lab-2", "msg-1", label="start", action="add")),
    seal(assistant("msg-3", "lab-2", "child of an unknown entry")), seal(b'{"type":"note","text":"no id at all"}'),
    dump({"type": "note", "id": 7, "parent_id": ["x"]}), header(), seal(leaf("leaf-4", "msg-3")))
put("valid/unknown-tip", H, *T[:2], seal(record("label", "lab-3", "msg-1", label="x")), seal(leaf("leaf-4", "lab-3")), seal(user("msg-5", "lab-3", "below the label")))
put("valid/unknown-members", H, seal(user("msg-1", None, "kept", colour="blue", x=[1, {"type": "message"}])), seal(user("msg-2", "msg-1", "still", x=1)))
put("valid/repeated-members", H, b'{"type":"message","id":"msg-1","parent_id":null,"timestamp":"t","x":1,"x":2,"message":{"role":"user","content":[]}}')
put("valid/foreign-leaf-in-prefix", F, user("msg-1", None, "one"), assistant("msg-2", None, "two"), user("msg-3", None, "three"),
    leaf("leaf-4", "msg-1"), user("msg-5", None, "after the leaf"))
put("valid/foreign-chained-root", F, user("a", None, "one"), assistant("b", "a", "two"), user("c", None, "a root: the linear prefix ended at b"))
put("valid/foreign-continued", F, user("msg-1", None, "one"), assistant("msg-2", None, "two"),
    seal(user("msg-3", "msg-2", "ours from here on")), seal(assistant("msg-4", "msg-3", "four")))
put("valid/foreign-in-turns", F, user("msg-1", None, "one"), assistant("msg-2", None, "two"),
    seal(user("msg-3", "msg-2", "ours")), seal(assistant("msg-4", "msg-3", "ours too")), user("msg-5", None, "theirs again: the linear prefix has not ended"),
    seal(assistant("msg-6", "msg-5", "ours again")), seal(user("msg-7", None, "sealed, yet without a parent id")))
put("valid/foreign-prefix-ends", F, user("msg-1", None, "one"), seal(user("msg-2", "msg-1", "ours")), assistant("msg-3", "msg-2", "a parent id and no checksum"),
    user("msg-4", None, "a root"), assistant("msg-5", "msg-4", "its child"))
put("valid/foreign-hex-ids", F, user("9f3a01bc", None, "one"), assistant("9f3a01bd", "9f3a01bc", "two"), leaf("9f3a01be", "9f3a01bd"))
put("valid/ours-null-parent-is-root", H, *T[:2], seal(user("msg-3", None, "a new root in a file of ours")))
put("valid/repeated-ids", H, seal(user("msg-1", None, "first bearer")), seal(user("msg-1", None, "second bearer")),
    seal(assistant("msg-2", "msg-1", "child of the second")), seal(user("msg-1", "msg-2", "third bearer")), seal(assistant("msg-3", "msg-1", "child of the third")))
put("valid/parent-after-child", H, seal(user("msg-1", "msg-2", "its parent stands later")), seal(user("msg-2", None, "two")), seal(leaf("leaf-3", "msg-1")))
put("valid/own-parent", H, *T[:1], seal(user("msg-2", "msg-2", "names itself")))
put("valid/leaf-is-no-node", H, *T[:2], seal(leaf("leaf-3", "msg-2")), seal(user("msg-4", "leaf-3", "a leaf is nobody's parent")))
put("valid/missing-parent-root", H, *T[:2], seal(user("msg-4", "msg-3", "nothing is corrupt, so the branch begins here")))
put("valid/dangling-leaf", H, *T[:2], seal(leaf("leaf-3", "msg-77")), seal(leaf("leaf-4", "leaf-3")))
put("valid/references-of-an-unknown-entry", H, T[0], b'{"type":"note","id":"n","first_kept_entry_id":"a","entry_id":"b","fork_point":"c"}',
    user("msg-2", "msg-1", "one is kept and ignored", entry_id=7))
put("valid/session-of-little", b'{"type":"session","version":1}', user("msg-1", None, "one"), b'{"type":"session"}', assistant("msg-2", None, "two"))
put("valid/crc-absent", header(ours=False, writer="sessionlog/1"), user("msg-1", None, "no checksum"), assistant("msg-2", "msg-1", "nor here"))
put("valid/crc-not-last", H, b'{"type":"message","crc":"00000000","id":"msg-1","parent_id":null,"timestamp":"t","message":{"role":"user","content":[]}}',
    b'{"type":"message","id":"msg-2","parent_id":"msg-1","timestamp":"t","message":{"role":"user","content":[]},"crc":7}')
put("valid/surrogate-pairs", H,
    seal('{"type":"message","id":"msg-1","parent_id":null,"timestamp":"t","message":{"role":"user","content":[{"type":"text","text":"\\ud83d\\ude00 \\u00e9 \\u0000 \\/ 😀"}],"timestamp_ms":0}}'),
    seal('{"type":"message","\\u0069d":"msg-\\u0032","parent_id":"msg-1","timestamp":"t","message":{"role":"user","content":[]}}'))


def deep(levels):
    """A message nested this deep, in a member of no meaning: the expectation, which holds payloads, must stay shallow."""
    inner = b"[" * (levels - 1) + b"]" * (levels - 1)
    return seal(b'{"type":"message","id":"msg-1","parent_id":null,"timestamp":"t","x":' + inner + b',"message":{"role":"user","content":[]}}')


put("valid/depth-127", H, deep(127), seal(user("msg-2", "msg-1", "two")))
put("valid/numbers-beyond-f64", H, *T[:1], b'{"type":"note","x":[1e400,-1E+9999,0.5e-999,123456789012345678901234567890]}')
put("valid/no-final-newline", H, *T, end=b"")
put("valid/blank-lines-crlf", b"", H + b"\r", b"", T[0] + b"\r", b" \t\r", b"  " + T[1] + b" \t", end=b"\n \t")
put("valid/header-missing", *T[:2])
put("valid/header-only", H)
put("valid/fork-point", header(parent_session="0196f0c0", fork_point="msg-2"), *T)
put("valid/usage", H, T[0], seal(assistant("msg-2", "msg-1", "most", (2**64 - 1, 1, 2, 3))), seal(assistant("msg-3", "msg-2", "sum saturates", (7, 1, 2, 3))),
    seal(assistant("msg-4", "msg-3", "unknown", usage={"input_tokens": 9, "reported": False})),
    seal(assistant("msg-5", "msg-4", "tiers", usage={"cache_write_tokens": 4, "cache_write_1h_tokens": 3, "output_tokens": 2, "reasoning_tokens": 1})),
    seal(assistant("msg-6", "msg-5", "negative is no count: unknown", usage={"input_tokens": -1, "output_tokens": 1})))
put("valid/id-of-128-bytes", H, seal(user("é" * 64, None, "128 bytes")), seal(user("msg-2", "é" * 64, "its child")))

# Invalid: at least one corrupt line, or refused.
put("invalid/utf8-byte", H, T[0], T[1].replace(b"line 2", b"line \xff 2"), *T[2:])
put("invalid/utf8-overlong", H, T[0], b'{"type":"note","x":"\xc0\x80"}', b'{"type":"note","x":"\xed\xa0\x80"}', T[1])
put("invalid/crc-mismatch", H, *T[:2], T[2].replace(b"line 3", b"line 8"), T[3])
put("invalid/crc-malformed", H, T[0], T[1][:-11] + T[1][-11:].upper(), T[1].replace(b',"crc":"', b', "crc":"'), T[1].replace(b'"crc"', b'"\\u0063rc"'),
    b'{"type":"note","crc":""}', T[1])
put("invalid/crc-name-damaged", H, T[0], T[1].replace(b'"crc"', b'"cvc"'), T[1].replace(b'"crc"', b'"c"'), T[1].replace(b'"crc"', b'"crc "'), T[1], T[2].replace(b'"crc":"', b'"cvc":"0'))
put("invalid/missing-parent-bridged", H, *T[:2], b"#" * 40, T[3])
put("invalid/bridge-past-unknown-and-leaf", H, *T[:2], b"\x00" * 16, seal(record("label", "lab-4", "msg-2", label="x")), seal(leaf("leaf-5", "msg-1")), seal(user("msg-9", "msg-8", "bridged to msg-2")))
put("invalid/no-bridge-past-a-message", H, T[0], b"garbage", T[1], seal(user("msg-9", "msg-8", "a root: msg-2 comes before the corrupt line")))
put("invalid/fork-point-lost", header(parent_session="0196f0c0", fork_point="msg-2"), T[0], T[1][:-9] + b"damaged", T[2], T[3])
put("invalid/corrupt-in-linear-prefix", F, user("msg-1", None, "one"), b'{"type":"message","id":"msg-2"', user("msg-3", None, "three"))
put("invalid/lone-surrogate", H, T[0], *['{"type":"note","x":"%s"}' % x for x in ("\\ud83d", "\\ude00", "\\ud83d\\u0041", "\\ud83dx", "\\ude00\\ud83d")], T[1])
put("invalid/depth-128", H, deep(128), seal(user("msg-2", "msg-1", "two")))
put("invalid/control-character", H, T[0].replace(b"line 1", b"line\x1b 1"), seal(user("msg-2", None, "two")))
put("invalid/not-records", H, T[0], b"[]", b"7", b"{}", b'"type"', b'{"type":7}', b'\xef\xbb\xbf{"type":"note"}', b'{"type":"note",}', b'{"type":"note"}]', b"{'type':'note'}", T[1])
put("invalid/lacking", H, T[0], b'{"type":"message","id":"x"}', b'{"type":"message","message":{}}', b'{"type":"message","id":"x","message":"hi"}',
    b'{"type":"message","id":"x","parent_id":3,"message":{}}', b'{"type":"leaf","id":"x"}', b'{"type":"leaf","id":"x","entry_id":null}',
    b'{"type":"compaction","id":"x","summary":"s"}', b'{"type":"compaction","id":"x","summary":"s","first_kept_entry_id":"y","tokens_before":1.0}',
    b'{"type":"compaction","id":"x","summary":"s","first_kept_entry_id":"y","tokens_after":18446744073709551616}', T[1])
put("invalid/duplicate-member", H, T[0], b'{"type":"message","id":"msg-2","id":"msg-2","message":{}}', b'{"type":"note","\\u0069d":"a","id":"b"}', b'{"type":"note","crc":1,"crc":1}', T[1])
put("invalid/two-references", H, T[0], user("msg-2", "msg-1", "two", entry_id="a", fork_point="b"), compaction("cmp-3", "msg-1", "s", "msg-1")[:-1] + b',"entry_id":null}',
    leaf("leaf-4", "msg-1")[:-1] + b',"first_kept_entry_id":7}', header(ours=False, fork_point="msg-1", entry_id="msg-1"), T[1])
put("invalid/id-of-129-bytes", H, T[0], user("i" * 129, None, "long"), b'{"type":"note","entry_id":"' + b"i" * 129 + b'"}', T[1])
put("invalid/fused-stub", H, *T[:2], seal(user("msg-3", "msg-2", "cut in its text"))[:130] + T[3])
put("invalid/fused-stub-in-key", H, *T[:2], b'{"ty' + T[2])
put("invalid/fused-stub-before-value", H, *T[:2], b'{"type":"message","id":"msg-3","parent_id":' + T[3])
put("invalid/fused-stub-before-element", H, *T[:2], T[2].partition(b'{"type":"text"')[0] + T[3] + b" \t\r")
put("invalid/fused-stub-depth-8", H, *T[:2], b'{"type":"note","x":' + b"[" * 7 + T[2], seal(user("msg-9", "msg-8", "bridged to msg-3")))
put("invalid/fused-stub-depth-9", H, *T[:2], b'{"type":"note","x":' + b"[" * 8 + T[2], seal(user("msg-9", "msg-8", "bridged to msg-2")))
put("invalid/fused-stub-not-at-its-end", H, *T[:2], b'{"type":"note","x":' + T[2] + b',"y":{}', b'{"type":"note","x":{"y":' + T[2] + b"}", T[3])
put("invalid/fused-middle-damaged", H, T[0], T[1] + T[2].replace(b"line 3", b"line 8") + T[3], seal(user("msg-5", "msg-4", "five")))
put("invalid/fused-end-damaged", H, T[0], T[1] + T[2][:60], T[3])
put("invalid/fused-then-missing", H, T[0] + T[1], seal(user("msg-3", "msg-1", "three")), seal(user("msg-9", "msg-8", "a root: msg-3 was not salvaged")))
put("invalid/fused-records", H, T[0] + T[1], T[2] + T[3])
put("invalid/fused-nine", H, b"".join(talk(9)), seal(user("msg-10", "msg-9", "the ninth was not salvaged: a bridge to the eighth")))
put("invalid/fused-with-gap", H, T[0], T[1] + b" " + T[2], T[3])
put("invalid/fused-unknown", H, T[0] + b'{"type":"note","id":"without crc"}' + seal(b'{"type":"note","id":"with crc"}') + T[1])
put("invalid/array-of-records", H, b"[" + T[0] + T[1], b"[[1," + T[2], b"[" + T[3] + b"]")
put("invalid/nul-run-record", H, T[0], b"\x00" * 64 + T[1])
put("invalid/record-nul-run", H, T[0], T[1] + b"\x00" * 64, T[2])
put("invalid/header-lost", b'{"type":"session","version":1,"id":"0196', *T[:2])
put("invalid/header-crc", H.replace(b"garden", b"gorden"), *T[:2])
put("invalid/header-fused", H + T[0], T[1])
put("invalid/header-fused-behind-blank", b" \t", H + T[0], T[1])
put("invalid/header-fused-stub", H + T[0][:50], T[1])
put("invalid/header-behind-stub", H[:20] + H, T[0])
put("invalid/header-in-stub", b'{"type":' + H, T[0])
put("invalid/header-fused-in-the-middle", H, T[0] + H + T[1])
put("invalid/unsupported-version-fused", header(version=2) + T[0])
put("invalid/unsupported-version", header(version=2), *T[:2])
put("invalid/version-not-an-integer", F.replace(b'"version":1', b'"version":1.0'), *T[:2])
put("invalid/empty")
put("invalid/blank", b"", b" \t\r")

# Torn: the last line is no record and lacks its line feed.
put("torn/tail", H, *T[:3], T[3][:90], end=b"")
put("torn/without-last-brace", H, *T[:3], T[3][:-1], end=b"")
put("torn/crc-mismatch-at-end", H, *T[:3], T[3].replace(b"line 4", b"line 7"), end=b"")
put("torn/in-utf8-sequence", H, T[0], seal(user("msg-2", "msg-1", "é")).partition(b"\xa9")[0], end=b"")
put("torn/header", H[:60], end=b"")
put("torn/nul-tail", H, *T[:2], b"\x00" * 512, end=b"")
put("torn/after-corrupt", H, T[0], b"garbage", T[2], T[3][:50], end=b"")
put("torn/fused-records-at-end", H, T[0], T[1] + T[2], end=b"")
put("torn/fused-then-stub", H, T[0], T[1] + T[2] + T[3][:40], end=b"")
put("torn/stub-then-record", H, T[0], T[1][:125] + T[2], end=b"")
put("torn/stub-before-value-then-record", H, T[0], b'{"type":"message","id":' + T[1], end=b"")
put("torn/header-then-stub", H + T[0][:50], end=b"")
put("torn/leaf", H, *T[:2], seal(leaf("leaf-3", "msg-1"))[:-5], end=b"")
