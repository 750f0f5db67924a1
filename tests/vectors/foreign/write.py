#!/usr/bin/env python3
"""Writes the samples of foreign formats, and beside each what must be read from it.

Every sample is made up here, and every expectation is worked out by hand beside it: what a format's own traps make
of the sums stands in a comment. `python3 write.py` writes all of it anew.
"""
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))


def line(**members):
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


def sample(path, lines, expect, end="\n"):
    """`lines` are texts or bytes; the last one has a line end unless `end` is empty."""
    whole = b"\n".join(l if isinstance(l, bytes) else l.encode() for l in lines) + end.encode()
    path = os.path.join(HERE, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(whole)
    stem = path.rsplit(".", 1)[0]
    with open(stem + ".expect.json", "w") as file:
        json.dump(expect, file, indent=1, ensure_ascii=False)
        file.write("\n")


def sums(input=0, output=0, read=0, write=0, turns=0, long=None, reasoning=None, unreported=0):
    return {
        "input_tokens": input, "output_tokens": output, "cache_read_tokens": read, "cache_write_tokens": write,
        "turns": turns, "cache_write_1h_tokens": long, "reasoning_tokens": reasoning, "unreported": unreported,
    }


# ---------------------------------------------------------------- Claude Code

SESSION = "5f0c1d52-9a40-4c1e-8b15-2f6f0a7d1c01"


def claude(kind, uuid, parent, at, message=None, **more):
    members = {
        "parentUuid": parent, "isSidechain": more.pop("side", False), "userType": "external", "cwd": "/data/orchard",
        "sessionId": SESSION, "version": "2.1.144", "gitBranch": "main", "type": kind,
    }
    if message is not None:
        members["message"] = message
    members.update(more)
    members["uuid"] = uuid
    members["timestamp"] = f"2026-03-04T05:06:{at:02}.789Z"
    return line(**members)


def said(text):
    return {"role": "user", "content": text}


def answered(id, content, usage, stop=None, model="claude-sonnet-4-5"):
    return {"id": id, "type": "message", "role": "assistant", "model": model, "content": content,
            "stop_reason": stop, "stop_sequence": None, "usage": usage}


def spent(input, output, read=0, short=0, long=0):
    return {"input_tokens": input, "output_tokens": output, "cache_creation_input_tokens": short + long,
            "cache_read_input_tokens": read,
            "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
            "service_tier": "standard"}


def claude_samples():
    text = lambda t: [{"type": "text", "text": t}]
    traps = [
        line(type="file-history-snapshot", messageId="u1", snapshot={"files": {}}, isSnapshotUpdate=False),
        # The title of this conversation, and of another one.
        line(type="summary", summary="Pruning the apple trees", leafUuid="a5"),
        line(type="summary", summary="Something else", leafUuid="elsewhere"),
        claude("user", "u1", None, 1, said("Which tree first?")),
        # One answer in two lines: the second repeats the usage, and counts.
        claude("assistant", "a1", "u1", 2, answered("msg_1", [{"type": "thinking", "thinking": "Look around.", "signature": "c2ln"}], spent(10, 1, 4, 0, 300)), requestId="req_1"),
        claude("assistant", "a2", "a1", 3, answered("msg_1", [{"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {"command": "ls trees"}}], spent(10, 25, 4, 0, 300), "tool_use"), requestId="req_1"),
        claude("progress", "p1", "a2", 3, data={"type": "hook"}),
        claude("user", "u2", "a2", 4, {"role": "user", "content": [{"tool_use_id": "toolu_1", "type": "tool_result", "content": "apple\npear", "is_error": False}]}, toolUseResult={"stdout": "apple\npear", "stderr": ""}),
        # A subagent: beside the conversation, and paid for.
        claude("user", "s1", None, 5, said("Count the branches."), side=True),
        claude("assistant", "s2", "s1", 6, answered("msg_3", text("Nine."), spent(100, 50), "end_turn"), side=True, requestId="req_3"),
        claude("assistant", "a3", "u2", 7, answered("msg_2", text("The apple tree."), spent(7, 5, 304, 20), "end_turn"), requestId="req_2"),
        claude("system", "b1", None, 8, subtype="compact_boundary", logicalParentUuid="a3", content="Conversation compacted", isMeta=False, level="info", compactMetadata={"trigger": "auto", "preTokens": 155025}),
        claude("user", "u4", "b1", 8, said("They prune the apple tree first."), isCompactSummary=True, isVisibleInTranscriptOnly=True),
        # The answer stands before its question.
        claude("assistant", "a5", "u5", 10, answered("msg_4", text("Sharp ones."), {"input_tokens": 3, "output_tokens": 2}, "end_turn"), requestId="req_4"),
        claude("user", "u5", "u4", 9, {"role": "user", "content": [{"type": "text", "text": "With which shears?"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}]}),
    ]
    sample(f"claude/traps.jsonl", traps, {
        "format": "claude",
        "session": {"id": SESSION, "cwd": "/data/orchard", "timestamp": "2026-03-04T05:06:01.789Z", "parent_session": None},
        "name": "Pruning the apple trees",
        "tip": "a5",
        "context": [["summary", "u4", "They prune the apple tree first."], ["user", "u5", "With which shears?"], ["assistant", "a5", "Sharp ones."]],
        "shown": ["u1", "a1", "a2", "p1", "u2", "a3", "b1", "u4", "u5", "a5"],
        # msg_1 once (10, 25, 4, 300), msg_2, msg_4; the subagent's msg_3 is in the file only.
        "branch": sums(10 + 7 + 3, 25 + 5 + 2, 4 + 304, 300 + 20, turns=2, long=300),
        "file": sums(20 + 100, 32 + 50, 308, 320, turns=3, long=300),
        "branches": [["s2", False], ["a5", True]],
        # Two summaries, a snapshot, progress, the boundary.
        "unknown": 5,
        "status": "clean",
    })
    # Several results and words in one line; the ids of its parts.
    several = [
        claude("user", "u1", None, 1, said("Measure both.")),
        claude("assistant", "a1", "u1", 2, answered("msg_1", [{"type": "tool_use", "id": "t1", "name": "Measure", "input": {"tree": 1}}, {"type": "tool_use", "id": "t2", "name": "Weigh", "input": {}}], spent(1, 2), "tool_use")),
        claude("user", "u2", "a1", 3, {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "3 m"}]},
            {"type": "tool_result", "tool_use_id": "t2", "content": "no scales", "is_error": True},
            {"type": "text", "text": "Never mind."}]}),
        claude("assistant", "a2", "u2", 4, answered("msg_2", text("Good."), spent(4, 1), "end_turn")),
        # Refused: no usage is told, so none is known.
        claude("assistant", "a3", "a2", 5, {"role": "assistant", "id": "x", "type": "message", "model": "<synthetic>", "content": text("Overloaded")}, isApiErrorMessage=True),
    ]
    sample("claude/several-results.jsonl", several, {
        "format": "claude", "tip": "a3",
        "session": {"id": SESSION, "cwd": "/data/orchard", "timestamp": "2026-03-04T05:06:01.789Z", "parent_session": None},
        "context": [["user", "u1", "Measure both."], ["assistant", "a1", ""], ["tool_result", "u2.1", "3 m"], ["tool_result", "u2.2", "no scales"],
                    ["user", "u2", "Never mind."], ["assistant", "a2", "Good."], ["assistant", "a3", "Overloaded"]],
        "tools": ["Measure", "Weigh"],
        "branch": sums(5, 3, turns=2, long=0, unreported=1), "file": sums(5, 3, turns=2, long=0, unreported=1),
        "branches": [["a3", True]], "unknown": 0, "status": "clean",
    })
    # Lines that share an answer: the last one that tells what it used counts, and what it cost is told by any of them.
    late = [
        claude("user", "u1", None, 1, said("Pick them.")),
        claude("assistant", "a1", "u1", 2, answered("msg_1", text("I"), {"input_tokens": "?"})),
        claude("assistant", "a2", "a1", 3, answered("msg_1", text("pick"), spent(10, 1)), costUSD=0.5),
        claude("assistant", "a3", "a2", 4, answered("msg_1", text("them"), spent(10, 7))),
        claude("assistant", "a4", "a3", 5, answered("msg_1", text("all."), None)),
        # A type's name in escapes; tiers that are more than what they are said to be parts of.
        claude("assistant", "a5", "a4", 6, answered("msg_2", text("Done."), dict(spent(1, 1, 0, 100, 200), cache_creation_input_tokens=0))).replace('"assistant"', '"\\u0061ssistant"', 1),
    ]
    sample("claude/late.jsonl", late, {
        "format": "claude", "tip": "a5",
        "session": {"id": SESSION, "cwd": "/data/orchard", "timestamp": "2026-03-04T05:06:01.789Z", "parent_session": None},
        "context": [["user", "u1", "Pick them."], ["assistant", "a1", "I"], ["assistant", "a2", "pick"], ["assistant", "a3", "them"], ["assistant", "a4", "all."], ["assistant", "a5", "Done."]],
        "branch": sums(11, 8, 0, 300, turns=1, long=200), "file": sums(11, 8, 0, 300, turns=1, long=200),
        "branches": [["a5", True]], "unknown": 0, "status": "clean",
    })
    # Half a line, a line that is no JSON, a lone surrogate, a line of another kind, and no end.
    damaged = [
        claude("user", "u1", None, 1, said("One")),
        '{"type":"assistant","uuid":"a1","parentUuid":"u1","mess',
        b'{"type":"user","uuid":"bad","note":"\xff"}',
        claude("weather", "w1", "u1", 3, sky="blue", degrees=1.5),
        claude("user", "u2", "w1", 4, said("Two")),
        claude("user", "u3", "u2", 5, said("Three"))[:-20],
    ]
    sample("claude/damaged.jsonl", damaged, {
        "format": "claude", "tip": "u2",
        "session": {"id": SESSION, "cwd": "/data/orchard", "timestamp": "2026-03-04T05:06:01.789Z", "parent_session": None},
        "context": [["user", "u1", "One"], ["user", "u2", "Two"]],
        "branch": sums(turns=2), "file": sums(turns=2), "branches": [["u2", True]],
        "unknown": 4, "status": "corrupt_and_truncated", "lines": [2, 3, 6],
    }, end="")
    # A subagent's own file: all of it beside the conversation that it belongs to.
    agent = [
        claude("user", "s1", None, 1, said("Count."), side=True, agentId="7"),
        claude("assistant", "s2", "s1", 2, answered("msg_9", text("Four."), spent(6, 1), "end_turn"), side=True, agentId="7"),
    ]
    sample("claude/agent-7.jsonl", agent, {
        "format": "claude", "tip": "s2",
        "session": {"id": "agent-7", "cwd": "/data/orchard", "timestamp": "2026-03-04T05:06:01.789Z", "parent_session": SESSION},
        "context": [["user", "s1", "Count."], ["assistant", "s2", "Four."]],
        "branch": sums(6, 1, turns=1, long=0), "file": sums(6, 1, turns=1, long=0), "branches": [["s2", True]],
        "unknown": 0, "status": "clean",
    })


# ---------------------------------------------------------------- claw-code

def claw(kind, **members):
    return json.dumps(dict(members, type=kind), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def block(kind, **members):
    return dict(members, type=kind)


def claw_message(role, *blocks, **more):
    return {"role": role, "blocks": list(blocks), **more}


def claw_usage(input, output, write=0, read=0):
    return {"cache_creation_input_tokens": write, "cache_read_input_tokens": read, "input_tokens": input, "output_tokens": output}


CLAW_ID = "session-1775386842352-0"
CLAW_TIME = {"created_at_ms": 1775386842352, "updated_at_ms": 1775386999000}  # 2026-04-05T11:00:42.352Z


def claw_messages():
    return [
        claw_message("system", block("text", text="Earlier: the pears were counted.")),
        claw_message("user", block("text", text="Count the plums.")),
        claw_message("assistant", block("thinking", thinking="Where are they?", signature="c2ln"),
                     block("tool_use", id="t1", name="bash", input="{\"command\":\"ls plums\"}"),
                     block("tool_use", id="t2", name="bash", input="{\"command\":\"ls da… [truncated for session JSONL]"),
                     usage=claw_usage(11, 7, 100, 50)),
        # Two results in one message.
        claw_message("tool", block("tool_result", tool_use_id="t1", tool_name="bash", output="3", is_error=False),
                     block("tool_result", tool_use_id="t2", tool_name="bash", output="no such file", is_error=True)),
        claw_message("assistant", block("text", text="Three."), usage=claw_usage(2, 1, 0, 150)),
    ]


def claw_samples():
    meta = dict(CLAW_TIME, session_id=CLAW_ID, version=1, model="claude-sonnet-4-5", workspace_root="/data/orchard",
                fork={"branch_name": "plums", "parent_session_id": "session-1775386000000-0"})
    session = {"id": CLAW_ID, "cwd": "/data/orchard", "timestamp": "2026-04-05T11:00:42.352Z", "parent_session": "session-1775386000000-0"}
    # Records are numbered as they are made, unknown ones too: compaction 1, prompt 2, messages 3 to 8, of which 6 and 7 are one there.
    context = lambda first: [
        ["summary", "cmp-1", "The pears were counted: nine."], ["system", f"msg-{first}", "Earlier: the pears were counted."],
        ["user", f"msg-{first + 1}", "Count the plums."], ["assistant", f"msg-{first + 2}", ""],
        ["tool_result", f"msg-{first + 3}", "3"], ["tool_result", f"msg-{first + 4}", "no such file"],
        ["assistant", f"msg-{first + 5}", "Three."]]
    expect = {
        "format": "claw", "session": session, "name": "plums", "tip": "msg-8", "context": context(3), "tools": ["bash", "bash"],
        "branch": sums(13, 8, 200, 100, turns=1), "file": sums(13, 8, 200, 100, turns=1),
        "branches": [["msg-8", True]], "unknown": 1, "status": "clean",
    }
    lines = [claw("session_meta", **meta), claw("compaction", count=2, removed_message_count=9, summary="The pears were counted: nine."),
             claw("prompt_history", text="Count the plums.", timestamp_ms=1775386842400)]
    lines += [claw("message", message=m) for m in claw_messages()]
    sample("claw/whole.jsonl", lines, expect)
    whole = dict(meta, compaction={"count": 2, "removed_message_count": 9, "summary": "The pears were counted: nine."},
                 prompt_history=[{"text": "Count the plums.", "timestamp_ms": 1775386842400}], messages=claw_messages())
    sample("claw/object.json", [json.dumps(whole, ensure_ascii=False, indent=2, sort_keys=True)], expect)
    sample("claw/object-on-a-line.json", [json.dumps(whole, ensure_ascii=False, sort_keys=True)], expect, end="")
    # The least: no id, so the file's name; no time.
    least = {"version": 1, "messages": [claw_message("user", block("text", text="Hello"))]}
    sample("claw/least.json", [json.dumps(least)], {
        "format": "claw", "session": {"id": "least", "cwd": "", "timestamp": "1970-01-01T00:00:00.000Z", "parent_session": None},
        "tip": "msg-1", "context": [["user", "msg-1", "Hello"]], "branch": sums(turns=1), "file": sums(turns=1),
        "branches": [["msg-1", True]], "unknown": 0, "status": "clean",
    }, end="")
    # Cut off within the second message.
    torn = json.dumps({"created_at_ms": 1775386842352, "messages": claw_messages()[1:3], "version": 1}, sort_keys=True)
    torn = torn[:torn.index("signature")]
    sample("claw/object-torn.json", [torn], {
        "format": "claw", "session": {"id": "object-torn", "cwd": "", "timestamp": "2026-04-05T11:00:42.352Z", "parent_session": None},
        "tip": "msg-1", "context": [["user", "msg-1", "Count the plums."]], "branch": sums(turns=1), "file": sums(turns=1),
        "branches": [["msg-1", True]], "unknown": 1, "status": "truncated", "lines": [1],
    }, end="")
    # What claw itself refuses: a float, a surrogate pair, a type that it does not know, half a line.
    refused = [
        claw("session_meta", session_id=CLAW_ID, version=1, model="gpt-5-mini", **CLAW_TIME),
        claw("mood", value=0.5),
        json.dumps({"type": "message", "message": claw_message("user", block("text", text="\U0001f34e?"))}),
        # A count that is none: the usage is unknown, and kept as it stands.
        claw("message", message=claw_message("assistant", block("text", text="Apple."), usage=dict(claw_usage(1, 2), input_tokens=1.5))),
        claw("message", message=claw_message("assistant", block("text", text="An apple."), usage={"input_tokens": 4})),
        claw("message", message=claw_message("user", block("text", text="lost")))[:-9],
    ]
    sample("claw/refused-there.jsonl", refused, {
        "format": "claw", "session": {"id": CLAW_ID, "cwd": "", "timestamp": "2026-04-05T11:00:42.352Z", "parent_session": None},
        "tip": "msg-4", "context": [["user", "msg-2", "\U0001f34e?"], ["assistant", "msg-3", "Apple."], ["assistant", "msg-4", "An apple."]],
        "branch": sums(4, turns=1, unreported=1), "file": sums(4, turns=1, unreported=1), "branches": [["msg-4", True]],
        "unknown": 2, "status": "truncated", "lines": [6],
    }, end="")


# ---------------------------------------------------------------- Codex

CODEX_ID = "0199a1b2-0000-7000-8000-00000000c0de"


def codex(kind, at, **payload):
    return line(timestamp=f"2026-05-06T07:08:{at:02}.123456Z", type=kind, payload=payload)


def codex_message(at, role, text):
    kind = "output_text" if role == "assistant" else "input_text"
    return codex("response_item", at, type="message", role=role, content=[{"type": kind, "text": text}])


def tokens(at, *total, last=None):
    def usage(input, cached, output, reasoning):
        return {"input_tokens": input, "cached_input_tokens": cached, "output_tokens": output,
                "reasoning_output_tokens": reasoning, "total_tokens": input + output}
    info = None
    if total:
        info = {"total_token_usage": usage(*total), "last_token_usage": usage(*(last or total)), "model_context_window": 258400}
    return codex("event_msg", at, type="token_count", info=info, rate_limits=None)


def codex_lines():
    return [
        codex("session_meta", 0, id=CODEX_ID, timestamp="2026-05-06T07:08:00.000Z", cwd="/data/orchard", originator="codex_cli", cli_version="0.50.0", model_provider="openai", git={"branch": "main"}),
        codex_message(1, "developer", "Be brief."),
        codex_message(1, "user", "<environment_context>\n<cwd>/data/orchard</cwd>\n</environment_context>"),
        codex("turn_context", 1, cwd="/data/orchard", model="gpt-5-codex", approval_policy="never"),
        codex_message(2, "user", "How many trees?"),
        codex("event_msg", 2, type="user_message", message="How many trees?"),
        codex("response_item", 3, type="reasoning", summary=[{"type": "summary_text", "text": "Count them."}], encrypted_content="AAAA"),
        codex("response_item", 3, type="function_call", name="exec_command", arguments="{\"cmd\":\"ls | wc -l\"}", call_id="c1"),
        # Nothing is known yet; then the total; then the same total once more.
        tokens(3),
        tokens(4, 1000, 600, 50, 20),
        tokens(4, 1000, 600, 50, 20),
        codex("response_item", 5, type="function_call_output", call_id="c1", output="12\n"),
        codex_message(6, "assistant", "Twelve."),
        tokens(6, 2100, 1500, 60, 20),
        codex_message(7, "user", "Fell one."),
        codex_message(8, "assistant", "Which?"),
        tokens(8, 3300, 2600, 65, 20),
        # The last turn is undone, and was paid for.
        codex("event_msg", 9, type="thread_rolled_back", num_turns=1),
        codex_message(10, "user", "Plant one."),
        codex_message(11, "assistant", "An oak?"),
        tokens(11, 4400, 3500, 70, 22),
        codex("compacted", 12, message="Twelve trees; an oak is to be planted.", replacement_history=[]),
        codex_message(13, "user", "Yes."),
        codex_message(14, "assistant", "Done."),
        tokens(14, 4500, 3500, 75, 22),
    ]


def zstd(data):
    """A frame of raw blocks."""
    frame = b"\x28\xb5\x2f\xfd" + b"\xa0" + len(data).to_bytes(4, "little")
    blocks = [data[at:at + 1000] for at in range(0, len(data), 1000)]
    for number, piece in enumerate(blocks):
        frame += ((number == len(blocks) - 1) | len(piece) << 3).to_bytes(3, "little") + piece
    return frame


def codex_samples():
    session = {"id": CODEX_ID, "cwd": "/data/orchard", "timestamp": "2026-05-06T07:08:00.000Z", "parent_session": None}
    expect = {
        "format": "codex", "session": session, "tip": "msg-24",
        "context": [["summary", "cmp-22", "Twelve trees; an oak is to be planted."], ["user", "msg-23", "Yes."], ["assistant", "msg-24", "Done."]],
        "tools": ["exec_command"],
        # The file is the last total: 4500 of input, 3500 of them cached, 75 of output, 22 of them reasoning. The
        # branch lacks what the undone turn added: 1200 of input, 1100 of them cached, 5 of output.
        "file": sums(1000, 75, 3500, turns=4, reasoning=22),
        "branch": sums(900, 70, 2400, turns=3, reasoning=22),
        "branches": [["msg-16", False], ["msg-24", True]],
        # A session_meta, a turn_context, a user_message, seven token_counts, a rollback.
        "unknown": 11, "status": "clean",
    }
    sample("codex/totals.jsonl", codex_lines(), expect)
    packed = zstd(("\n".join(codex_lines()) + "\n").encode())
    path = os.path.join(HERE, "codex/packed.jsonl.zst")
    with open(path, "wb") as file:
        file.write(packed)
    with open(os.path.join(HERE, "codex/packed.expect.json"), "w") as file:
        json.dump(expect, file, indent=1, ensure_ascii=False)
        file.write("\n")
    # Requests that no answer of their own stands before: one that only searched, one of another turn and model, a second
    # one behind an answer. Each is an entry of its own, with its own model; none is added to an answer before it.
    requests = [
        codex("session_meta", 0, id=CODEX_ID, timestamp="2026-05-06T07:08:00.000Z", cwd="/data/orchard", model_provider="openai"),
        codex("turn_context", 1, cwd="/data/orchard", model="gpt-5"),
        codex_message(2, "user", "Which apple is this?"),
        codex_message(3, "assistant", "I look it up."),
        tokens(3, 1000, 0, 10, 0),
        codex("response_item", 4, type="web_search_call", status="completed"),
        tokens(4, 3000, 1000, 30, 0, last=(2000, 1000, 20, 0)),
        codex_message(5, "assistant", "A pippin."),
        tokens(5, 6000, 3000, 60, 0, last=(3000, 2000, 30, 0)),
        # Stopped before its total came; what is counted next is of the next turn too.
        codex_message(6, "assistant", "Or"),
        codex("turn_context", 7, cwd="/data/orchard", model="gpt-5-mini"),
        codex_message(7, "user", "Sure?"),
        codex("response_item", 8, type="web_search_call", status="completed"),
        tokens(8, 10000, 3000, 100, 5, last=(4000, 0, 40, 5)),
    ]
    sample("codex/requests.jsonl", requests, {
        "format": "codex", "session": session, "tip": "msg-14",
        "context": [["user", "msg-3", "Which apple is this?"], ["assistant", "msg-4", "I look it up."], ["assistant", "msg-7", ""],
                    ["assistant", "msg-8", "A pippin."], ["assistant", "msg-10", "Or"], ["user", "msg-12", "Sure?"], ["assistant", "msg-14", ""]],
        "branch": sums(7000, 100, 3000, turns=2, reasoning=5), "file": sums(7000, 100, 3000, turns=2, reasoning=5),
        "models": {"gpt-5": [3000, 60, 3000], "gpt-5-mini": [4000, 40, 0]},
        "branches": [["msg-14", True]],
        # A session_meta, two turn_contexts, two searches, the two totals that an answer bears.
        "unknown": 7, "status": "clean",
    })
    # A fork: the history of its parent is written once more, all at once, and was paid for there.
    fork = [
        codex("session_meta", 30, id="0199a1b2-0000-7000-8000-0000000000f0", timestamp="2026-05-06T07:08:30.000Z", cwd="/data/orchard", model_provider="openai", forked_from_id=CODEX_ID),
        codex("session_meta", 30, id=CODEX_ID, timestamp="2026-05-06T07:08:00.000Z", cwd="/data/orchard", model_provider="openai"),
        codex("turn_context", 30, cwd="/data/orchard", model="gpt-5-codex"),
        codex_message(30, "user", "How many trees?"),
        codex_message(30, "assistant", "Twelve."),
        tokens(30, 1000, 0, 10, 0),
        codex_message(45, "user", "And shrubs?"),
        codex_message(46, "assistant", "None."),
        tokens(46, 2200, 1000, 15, 0),
        # Stopped before a total came.
        codex_message(50, "user", "Hm."),
        codex_message(51, "assistant", "Indeed."),
    ]
    sample("codex/fork.jsonl", fork, {
        "format": "codex", "tip": "msg-11",
        "session": {"id": "0199a1b2-0000-7000-8000-0000000000f0", "cwd": "/data/orchard", "timestamp": "2026-05-06T07:08:30.000Z", "parent_session": CODEX_ID},
        "context": [["user", "msg-4", "How many trees?"], ["assistant", "msg-5", "Twelve."], ["user", "msg-7", "And shrubs?"], ["assistant", "msg-8", "None."],
                    ["user", "msg-10", "Hm."], ["assistant", "msg-11", "Indeed."]],
        "branch": sums(1200, 15, 1000, turns=3, reasoning=0, unreported=1),
        "file": sums(200, 5, 1000, turns=2, reasoning=0, unreported=1),
        "branches": [["msg-11", True]], "unknown": 5, "status": "clean",
    })


# ---------------------------------------------------------------- pi

def pi(kind, id, parent, at, **more):
    return line(type=kind, id=id, parentId=parent, timestamp=f"2026-06-07T08:09:{at:02}.000Z", **more)


def pi_usage(input, output, read=0, write=0, cost=0.0):
    return {"input": input, "output": output, "cacheRead": read, "cacheWrite": write, "totalTokens": input + output + read + write,
            "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0, "total": cost}}


def pi_answer(content, usage, stop="stop", **more):
    return dict({"role": "assistant", "content": content, "api": "anthropic-messages", "provider": "anthropic", "model": "claude-sonnet-4-5",
                 "usage": usage, "stopReason": stop, "timestamp": 1780819741000}, **more)


def pi_samples():
    text = lambda t: [{"type": "text", "text": t}]
    ask = lambda t: {"role": "user", "content": t, "timestamp": 1780819740000}
    header = dict(type="session", version=3, id="7d1d9a52-1111-4222-8333-444455556666", timestamp="2026-06-07T08:09:05.000Z", cwd="/data/orchard",
                  parentSession="/home/me/.pi/agent/sessions/x/2026-06-06_parent.jsonl")
    whole = [
        line(**header),
        # Older than the session: copied from its parent, and paid for there.
        pi("model_change", "aaaa0001", None, 1, provider="anthropic", modelId="claude-sonnet-4-5"),
        pi("message", "aaaa0002", "aaaa0001", 2, message=ask("Prune?")),
        pi("message", "aaaa0003", "aaaa0002", 3, message=pi_answer(text("Yes."), pi_usage(10, 1))),
        pi("message", "aaaa0004", "aaaa0003", 6, message=ask([{"type": "text", "text": "Look at this."}, {"type": "image", "data": "iVBORw0KGgo=", "mimeType": "image/png"}])),
        pi("message", "aaaa0005", "aaaa0004", 7, message=pi_answer([{"type": "thinking", "thinking": "Hm.", "thinkingSignature": "s"}, {"type": "toolCall", "id": "t1", "name": "read", "arguments": {"path": "a.txt"}}], pi_usage(20, 5, 10, 3, 0.01), "toolUse")),
        pi("message", "aaaa0006", "aaaa0005", 8, message={"role": "toolResult", "toolCallId": "t1", "toolName": "read", "content": text("apple"), "details": {"lines": 1}, "isError": False, "timestamp": 1780819748000}),
        pi("message", "aaaa0007", "aaaa0006", 9, message=pi_answer(text("An apple."), pi_usage(5, 2, 33, 0, 0.002))),
        # Given up, and taken up at an earlier entry with a summary of it.
        pi("branch_summary", "aaaa0008", "aaaa0005", 10, fromId="aaaa0007", summary="It was an apple."),
        pi("thinking_level_change", "aaaa0009", "aaaa0008", 11, thinkingLevel="high"),
        pi("message", "aaaa000a", "aaaa0009", 12, message=ask("Go on.")),
        pi("message", "aaaa000b", "aaaa000a", 13, message=pi_answer(text("Done."), pi_usage(7, 3))),
        # Keeps from an entry that is no message: the next message is the first.
        pi("compaction", "aaaa000c", "aaaa000b", 14, summary="Apples were pruned.", firstKeptEntryId="aaaa0009", tokensBefore=900, details={"readFiles": ["a.txt"]}, fromHook=False),
        pi("message", "aaaa000d", "aaaa000c", 15, message={"role": "bashExecution", "command": "ls", "output": "a.txt", "exitCode": 0, "cancelled": False, "truncated": False, "timestamp": 1780819755000}),
        pi("custom_message", "aaaa000e", "aaaa000d", 16, customType="note", content="Remember the pears.", display=True),
        pi("label", "aaaa000f", "aaaa000e", 17, targetId="aaaa0004", label="picture"),
        pi("session_info", "aaaa0010", "aaaa000f", 18, name="Pruning"),
    ]
    sample("pi/v3.jsonl", whole, {
        "format": "pi", "name": "Pruning", "tip": "aaaa0010",
        "session": {"id": header["id"], "cwd": "/data/orchard", "timestamp": header["timestamp"], "parent_session": header["parentSession"]},
        "context": [["summary", "aaaa000c", "Apples were pruned."], ["user", "aaaa000a", "Go on."], ["assistant", "aaaa000b", "Done."],
                    ["bashExecution", "aaaa000d", "$ ls\na.txt"], ["custom", "aaaa000e", "Remember the pears."]],
        "tools": [],
        "shown": ["aaaa0002", "aaaa0003", "aaaa0004", "aaaa0005", "aaaa0008", "aaaa000a", "aaaa000b", "aaaa000c", "aaaa000d", "aaaa000e"],
        # The branch: 3, 5, b; the file: 5, 7, b, as 3 is inherited.
        "branch": sums(10 + 20 + 7, 1 + 5 + 3, 10, 3, turns=3), "file": sums(20 + 5 + 7, 5 + 2 + 3, 10 + 33, 3, turns=2),
        "branches": [["aaaa0007", False], ["aaaa000e", True]],
        # A model change, a thinking level, a label, a name.
        "unknown": 4, "status": "clean",
    })
    old = [
        line(type="session", id="0b0b0b0b-1111-4222-8333-444455556666", timestamp="2025-11-12T13:14:15.000Z", cwd="/data/orchard", provider="anthropic", modelId="claude-sonnet-4-5", thinkingLevel="off"),
        line(type="message", timestamp="2025-11-12T13:14:16.000Z", message=ask("One")),
        line(type="message", timestamp="2025-11-12T13:14:17.000Z", message=pi_answer(text("Two"), pi_usage(1, 1))),
        line(type="thinking_level_change", timestamp="2025-11-12T13:14:17.500Z", thinkingLevel="low"),
        line(type="message", timestamp="2025-11-12T13:14:18.000Z", message=ask("Three")),
        # The header is number 0, so 4 is the message "Three".
        line(type="compaction", timestamp="2025-11-12T13:14:19.000Z", summary="Counting.", firstKeptEntryIndex=4, tokensBefore=30),
        line(type="message", timestamp="2025-11-12T13:14:20.000Z", message=pi_answer(text("Four"), pi_usage(2, 1), "aborted", errorMessage="stopped")),
    ]
    sample("pi/v1.jsonl", old, {
        "format": "pi", "tip": "entry-6",
        "session": {"id": "0b0b0b0b-1111-4222-8333-444455556666", "cwd": "/data/orchard", "timestamp": "2025-11-12T13:14:15.000Z", "parent_session": None},
        "context": [["summary", "entry-5", "Counting."], ["user", "entry-4", "Three"], ["assistant", "entry-6", "Four"]],
        "branch": sums(3, 2, turns=2), "file": sums(3, 2, turns=2), "branches": [["entry-6", True]], "unknown": 1, "status": "clean",
    })


# ---------------------------------------------------------------- opi, version 2

def opi(kind, id, parent, at, required=True, **more):
    entry = dict(type=kind, id=id, parent_id=parent, timestamp=f"2026-07-08T09:10:{at:02}.000Z", **more)
    return line(type="entry", classification="required" if required else "ignorable_observation", entry=entry)


def opi_samples():
    ask = lambda t: {"role": "user", "content": [{"type": "text", "text": t}], "timestamp_ms": 1783501800000}
    answer = lambda t, **usage: {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "AAAA"}, {"type": "text", "text": t}], "api": "Anthropic",
                                 "provider": "anthropic", "model": "claude-sonnet-4-5", "response_model": None, "response_id": None,
                                 "usage": dict({"input_tokens": 0, "output_tokens": 0, "cache_read_tokens": 0, "cache_write_tokens": 0, "reported": True}, **usage),
                                 "stop_reason": "stop", "error_message": None, "timestamp_ms": 1783501801000}
    lines = [
        line(type="session", version=2, id="0197aaaa-0000-7000-8000-0000000000a2", timestamp="2026-07-08T09:10:00.000Z", cwd="/data/orchard", parent_session=None,
             runtime_input_binding={"kind": "direct_runtime_input", "digest": "ab" * 32, "assembly_source": "cli"}),
        opi("session_info", "info-1", None, 1, name="demo"),
        # Null parents: each follows the tip, as nobody has named a parent yet.
        opi("message", "msg-2", None, 2, message=ask("First?")),
        opi("message", "msg-3", None, 3, message=answer("First.", input_tokens=10, output_tokens=4, cache_write_tokens=8, cache_write_1h_tokens=8, reasoning_tokens=2)),
        opi("model_change", "model-4", "msg-3", 4, required=False, model="claude-opus-4-5", input_source="user"),
        opi("message", "msg-5", "msg-3", 5, message=ask("Second?")),
        # Not reported: unknown, not zero.
        opi("message", "msg-6", "msg-5", 6, message=answer("Second.", reported=False)),
        opi("leaf", "leaf-7", None, 7, entry_id="msg-3"),
        opi("branch_summary", "sum-8", "msg-3", 8, summary="There was a second question."),
        opi("message", "msg-9", "msg-3", 9, message=ask("Third?")),
        opi("compaction", "cmp-10", "msg-9", 10, summary="One question answered.", first_kept_entry_id="msg-9", tokens_before=40, tokens_after=3,
            summary_usage={"provider": "anthropic", "model": "claude-sonnet-4-5", "usage": {"input_tokens": 9}}),
    ]
    sample("opi/v2.jsonl", lines, {
        "format": "opi", "tip": "cmp-10",
        "session": {"id": "0197aaaa-0000-7000-8000-0000000000a2", "cwd": "/data/orchard", "timestamp": "2026-07-08T09:10:00.000Z", "parent_session": None},
        "context": [["summary", "cmp-10", "One question answered."], ["user", "msg-9", "Third?"]],
        # The summary took 9: spent, and in no context.
        "branch": sums(10, 4, 0, 8, turns=2, long=8, reasoning=2), "file": sums(10 + 9, 4, 0, 8, turns=3, long=8, reasoning=2, unreported=1),
        "branches": [["msg-6", False], ["cmp-10", True]], "unknown": 3, "status": "clean",
    })


for samples in (claude_samples, claw_samples, codex_samples, pi_samples, opi_samples):
    samples()
