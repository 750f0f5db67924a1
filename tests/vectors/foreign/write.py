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
        "parentUuid": parent, "isSidechain": more.pop("side", False), "userType": "external", "cwd": "/work/orchard",
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
        "session": {"id": SESSION, "cwd": "/work/orchard", "timestamp": "2026-03-04T05:06:01.789Z", "parent_session": None},
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
        "session": {"id": SESSION, "cwd": "/work/orchard", "timestamp": "2026-03-04T05:06:01.789Z", "parent_session": None},
        "context": [["user", "u1", "Measure both."], ["assistant", "a1", ""], ["tool_result", "u2.1", "3 m"], ["tool_result", "u2.2", "no scales"],
                    ["user", "u2", "Never mind."], ["assistant", "a2", "Good."], ["assistant", "a3", "Overloaded"]],
        "tools": ["Measure", "Weigh"],
        "branch": sums(5, 3, turns=2, long=0, unreported=1), "file": sums(5, 3, turns=2, long=0, unreported=1),
        "branches": [["a3", True]], "unknown": 0, "status": "clean",
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
        "session": {"id": SESSION, "cwd": "/work/orchard", "timestamp": "2026-03-04T05:06:01.789Z", "parent_session": None},
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
        "session": {"id": "agent-7", "cwd": "/work/orchard", "timestamp": "2026-03-04T05:06:01.789Z", "parent_session": SESSION},
        "context": [["user", "s1", "Count."], ["assistant", "s2", "Four."]],
        "branch": sums(6, 1, turns=1, long=0), "file": sums(6, 1, turns=1, long=0), "branches": [["s2", True]],
        "unknown": 0, "status": "clean",
    })


claude_samples()
