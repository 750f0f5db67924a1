//! Writes sessions as Claude Code and Codex keep them, the same ones for the same seed: what `ci/bench-ccusage` measures on.
//!
//! `sessionlog-foreign DIR BYTES SEED` writes `DIR/claude/projects/…` and `DIR/codex/sessions/…`, half of the bytes each.
//! They have the traps of real ones: several lines for one answer, each with its usage so far; running totals that are told
//! again; cached input, one-hour cache writes; subagents; conversations that were copied when they were taken up again.

use sessionlog_tests::load::Rng;
use std::{
    error::Error,
    fmt::Write as _,
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// Bytes of a file: most are small, most bytes are in large ones.
const SIZES: [u64; 8] = [40, 90, 200, 350, 700, 1_500, 3_000, 7_000];
/// Lines that texts are made of.
const LINES: usize = 4_000;
/// 2026-03-01T08:00:00Z.
const BEGIN: i64 = 1_772_352_000_000;

fn main() -> Done {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, bytes, seed] = &args[..] else {
        return Err("DIR BYTES SEED".into());
    };
    let (bytes, seed): (u64, u64) = (bytes.parse()?, seed.parse()?);
    let mut made = Made::new(PathBuf::from(dir), seed);
    while made.claude < bytes / 2 {
        made.claude_session()?;
    }
    while made.codex < bytes - bytes / 2 {
        made.codex_session()?;
    }
    Ok(())
}

struct Made {
    dir: PathBuf,
    rng: Rng,
    /// JSON text without quotes, a line each.
    lines: Vec<String>,
    claude: u64,
    codex: u64,
    sessions: u64,
    /// Of the last line, in milliseconds.
    now: i64,
    numbers: u64,
}

impl Made {
    fn new(dir: PathBuf, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let words = [
            "let",
            "fn",
            "result",
            "=",
            "match",
            "self",
            "if",
            "{",
            "}",
            "return",
            "the",
            "of",
            "value",
            "index",
            "orchard",
            "apple",
            "\\\"name\\\":",
            "\\\"tree\\\"",
            "->",
            "&str",
            "usize",
            "None",
            "prüfen",
            "// why",
            "import",
            "const",
            "async",
            "0x1f",
            "42",
            "();",
            "\\t",
        ];
        let line = |rng: &mut Rng| {
            let count = 3 + rng.below(14);
            let mut line = "    ".repeat(rng.below(4) as usize);
            for _ in 0..count {
                line += words[rng.below(words.len() as u64) as usize];
                line.push(' ');
            }
            line
        };
        let lines = (0..LINES).map(|_| line(&mut rng)).collect();
        Made {
            dir,
            rng,
            lines,
            claude: 0,
            codex: 0,
            sessions: 0,
            now: BEGIN,
            numbers: 0,
        }
    }

    /// A text of about so many bytes, as JSON without quotes.
    fn text(&mut self, bytes: u64) -> String {
        let mut text = String::new();
        while (text.len() as u64) < bytes {
            let at = self.rng.below(self.lines.len() as u64) as usize;
            text += &self.lines[at];
            text += "\\n";
        }
        text
    }

    /// Between the two, and mostly near the lower one.
    fn between(&mut self, low: u64, high: u64) -> u64 {
        let most = self.rng.below(high - low) + 1;
        low + self.rng.below(most)
    }

    fn uuid(&mut self) -> String {
        let (a, b) = (self.rng.below(u64::MAX), self.rng.below(u64::MAX));
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        )
    }

    fn name(&mut self, prefix: &str) -> String {
        self.numbers += 1;
        format!(
            "{prefix}{:08x}{:08x}",
            self.numbers,
            self.rng.below(1 << 32)
        )
    }

    /// Time goes on by up to so many milliseconds.
    fn tick(&mut self, most: u64) -> String {
        self.now += 1 + self.rng.below(most) as i64;
        sessionlog_core::Timestamp::from_unix_ms(self.now).to_string()
    }

    /// A new session begins somewhere in the three months.
    fn begin(&mut self) -> u64 {
        self.sessions += 1;
        self.now = BEGIN + self.rng.below(90 * 86_400_000) as i64;
        let size = SIZES[self.rng.below(SIZES.len() as u64) as usize] * 1_000;
        size + self.rng.below(size / 4)
    }

    fn claude_session(&mut self) -> Done {
        let size = self.begin();
        let project = format!("orchard-{}", self.rng.below(12));
        let session = self.uuid();
        let folder = self.dir.join(format!("claude/projects/-data-{project}"));
        let mut talk = Talk {
            project,
            session: session.clone(),
            parent: "null".into(),
            side: false,
            out: Vec::new(),
        };
        let leaf = self.uuid();
        let title = format!(
            "{{\"type\":\"summary\",\"summary\":\"Pruning {}\",\"leafUuid\":\"{leaf}\"}}\n",
            self.sessions
        );
        talk.out.extend(title.bytes());
        let mut turns = 0;
        while (talk.out.len() as u64) < size {
            self.claude_turn(&mut talk);
            turns += 1;
            if turns % 40 == 0 {
                self.claude_compaction(&mut talk);
            }
        }
        self.claude += talk.out.len() as u64;
        write(&folder.join(format!("{session}.jsonl")), &talk.out)?;
        // Taken up again later: the new file begins with a copy of the old one.
        if self.rng.below(12) == 0 {
            let again = self.uuid();
            let copied = String::from_utf8(talk.out)?.replace(&session, &again);
            let mut talk = Talk {
                session: again.clone(),
                out: copied.into_bytes(),
                ..talk
            };
            self.claude_turn(&mut talk);
            self.claude += talk.out.len() as u64;
            write(&folder.join(format!("{again}.jsonl")), &talk.out)?;
        }
        Ok(())
    }

    fn claude_line(&mut self, talk: &mut Talk, kind: &str, more: &str, seconds: u64) {
        let uuid = self.uuid();
        let time = self.tick(seconds * 1_000);
        let Talk {
            project,
            session,
            parent,
            side,
            ..
        } = &*talk;
        let line = format!(
            "{{\"parentUuid\":{parent},\"isSidechain\":{side},\"userType\":\"external\",\"cwd\":\"/data/{project}\",\"sessionId\":\"{session}\",\"version\":\"2.1.144\",\"gitBranch\":\"main\",\"type\":\"{kind}\",{more},\"uuid\":\"{uuid}\",\"timestamp\":\"{time}\"}}\n"
        );
        talk.out.extend(line.bytes());
        talk.parent = format!("\"{uuid}\"");
    }

    fn claude_turn(&mut self, talk: &mut Talk) {
        let size = self.between(40, 900);
        let question = self.text(size);
        self.claude_line(
            talk,
            "user",
            &format!("\"message\":{{\"role\":\"user\",\"content\":\"{question}\"}}"),
            600,
        );
        if self.rng.below(6) == 0 {
            let snapshot = self.uuid();
            talk.out.extend(format!("{{\"type\":\"file-history-snapshot\",\"messageId\":\"{snapshot}\",\"snapshot\":{{\"messageId\":\"{snapshot}\",\"trackedFileBackups\":{{}}}},\"isSnapshotUpdate\":false}}\n").bytes());
        }
        let model = match self.rng.below(4) {
            0 => "claude-opus-4-5-20251101",
            1 => "claude-haiku-4-5-20251001",
            _ => "claude-sonnet-4-5-20250929",
        };
        let calls = 1 + self.rng.below(5);
        for call in 0..=calls {
            let (id, request) = (self.name("msg_01"), self.name("req_01"));
            let last = call == calls;
            let tool = self.name("toolu_01");
            let thought = {
                let size = self.between(200, 2_000);
                self.text(size)
            };
            let said = {
                let size = self.between(60, 1_500);
                self.text(size)
            };
            let path = format!("/data/{}/src/tree_{}.rs", talk.project, self.rng.below(40));
            let mut blocks = vec![
                format!(
                    "{{\"type\":\"thinking\",\"thinking\":\"{thought}\",\"signature\":\"{}\"}}",
                    "EqQBCg".repeat(60)
                ),
                format!("{{\"type\":\"text\",\"text\":\"{said}\"}}"),
            ];
            if !last {
                blocks.push(format!("{{\"type\":\"tool_use\",\"id\":\"{tool}\",\"name\":\"Read\",\"input\":{{\"file_path\":\"{path}\"}}}}"));
            }
            let (input, output) = (self.rng.below(40) + 1, self.rng.below(1_500) + 20);
            let read = self.rng.below(150_000);
            let (short, long) = (
                self.rng.below(3_000),
                self.rng.below(2) * self.rng.below(2_000),
            );
            let count = blocks.len() as u64;
            for (number, block) in (1..).zip(&blocks) {
                // The count of the output grows while it streams.
                let output = if number == count {
                    output
                } else {
                    1 + output * number / count / 8
                };
                let stop = match (number == count, last) {
                    (false, _) => "null",
                    (true, false) => "\"tool_use\"",
                    (true, true) => "\"end_turn\"",
                };
                let more = format!(
                    "\"requestId\":\"{request}\",\"message\":{{\"model\":\"{model}\",\"id\":\"{id}\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{block}],\"stop_reason\":{stop},\"stop_sequence\":null,\"usage\":{{\"input_tokens\":{input},\"cache_creation_input_tokens\":{},\"cache_read_input_tokens\":{read},\"cache_creation\":{{\"ephemeral_5m_input_tokens\":{short},\"ephemeral_1h_input_tokens\":{long}}},\"output_tokens\":{output},\"service_tier\":\"standard\"}}}}",
                    short + long
                );
                self.claude_line(talk, "assistant", &more, 20);
            }
            if !last {
                let size = self.between(300, 24_000);
                let text = self.text(size);
                let lines = text.matches("\\n").count();
                let more = format!(
                    "\"message\":{{\"role\":\"user\",\"content\":[{{\"tool_use_id\":\"{tool}\",\"type\":\"tool_result\",\"content\":\"{text}\"}}]}},\"toolUseResult\":{{\"type\":\"text\",\"file\":{{\"filePath\":\"{path}\",\"content\":\"{text}\",\"numLines\":{lines},\"startLine\":1,\"totalLines\":{lines}}}}}"
                );
                self.claude_line(talk, "user", &more, 5);
            }
        }
        if self.rng.below(15) == 0 && !talk.side {
            let parent = std::mem::replace(&mut talk.parent, "null".into());
            talk.side = true;
            self.claude_turn(talk);
            (talk.side, talk.parent) = (false, parent);
        }
    }

    fn claude_compaction(&mut self, talk: &mut Talk) {
        let parent = std::mem::replace(&mut talk.parent, "null".into());
        let more = format!(
            "\"subtype\":\"compact_boundary\",\"logicalParentUuid\":{parent},\"content\":\"Conversation compacted\",\"isMeta\":false,\"level\":\"info\",\"compactMetadata\":{{\"trigger\":\"auto\",\"preTokens\":155025}}"
        );
        self.claude_line(talk, "system", &more, 5);
        let text = self.text(6_000);
        let more = format!(
            "\"isCompactSummary\":true,\"isVisibleInTranscriptOnly\":true,\"message\":{{\"role\":\"user\",\"content\":\"{text}\"}}"
        );
        self.claude_line(talk, "user", &more, 5);
    }

    fn codex_session(&mut self) -> Done {
        let size = self.begin();
        let (id, time) = (self.uuid(), self.tick(1_000));
        let (year, rest) = time.split_at(4);
        let folder = self.dir.join(format!(
            "codex/sessions/{year}/{}/{}",
            &rest[1..3],
            &rest[4..6]
        ));
        let name = format!("rollout-{}-{id}.jsonl", time[..19].replace(':', "-"));
        let mut out = String::new();
        let project = self.rng.below(12);
        writeln!(
            out,
            "{{\"timestamp\":\"{time}\",\"type\":\"session_meta\",\"payload\":{{\"id\":\"{id}\",\"timestamp\":\"{time}\",\"cwd\":\"/data/orchard-{project}\",\"originator\":\"codex_cli_rs\",\"cli_version\":\"0.60.1\",\"instructions\":null,\"source\":\"cli\",\"model_provider\":\"openai\",\"git\":{{\"branch\":\"main\"}}}}}}"
        )?;
        let mut total = [0u64; 4];
        while (out.len() as u64) < size {
            self.codex_turn(&mut out, &mut total, project)?;
        }
        self.codex += out.len() as u64;
        write(&folder.join(name), out.as_bytes())
    }

    fn codex_turn(&mut self, out: &mut String, total: &mut [u64; 4], project: u64) -> Done {
        let model = ["gpt-5", "gpt-5-codex", "gpt-5.1-codex"][self.rng.below(3) as usize];
        let time = self.tick(600_000);
        writeln!(
            out,
            "{{\"timestamp\":\"{time}\",\"type\":\"turn_context\",\"payload\":{{\"cwd\":\"/data/orchard-{project}\",\"approval_policy\":\"on-request\",\"sandbox_policy\":{{\"mode\":\"workspace-write\"}},\"model\":\"{model}\",\"effort\":\"medium\",\"summary\":\"auto\"}}}}"
        )?;
        let size = self.between(40, 900);
        let question = self.text(size);
        writeln!(
            out,
            "{{\"timestamp\":\"{time}\",\"type\":\"response_item\",\"payload\":{{\"type\":\"message\",\"role\":\"user\",\"content\":[{{\"type\":\"input_text\",\"text\":\"{question}\"}}]}}}}"
        )?;
        writeln!(
            out,
            "{{\"timestamp\":\"{time}\",\"type\":\"event_msg\",\"payload\":{{\"type\":\"user_message\",\"message\":\"{question}\",\"kind\":\"plain\"}}}}"
        )?;
        let calls = 1 + self.rng.below(6);
        for call in 0..=calls {
            let last = call == calls;
            let time = self.tick(15_000);
            let size = self.between(300, 3_000);
            writeln!(
                out,
                "{{\"timestamp\":\"{time}\",\"type\":\"response_item\",\"payload\":{{\"type\":\"reasoning\",\"summary\":[{{\"type\":\"summary_text\",\"text\":\"{}\"}}],\"content\":null,\"encrypted_content\":\"{}\"}}}}",
                self.text(80),
                "gAAAAABo0Lq2".repeat(size as usize / 12)
            )?;
            let tool = self.name("call_");
            if last {
                let size = self.between(100, 2_500);
                let said = self.text(size);
                writeln!(
                    out,
                    "{{\"timestamp\":\"{time}\",\"type\":\"event_msg\",\"payload\":{{\"type\":\"agent_message\",\"message\":\"{said}\"}}}}"
                )?;
                writeln!(
                    out,
                    "{{\"timestamp\":\"{time}\",\"type\":\"response_item\",\"payload\":{{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{{\"type\":\"output_text\",\"text\":\"{said}\"}}]}}}}"
                )?;
            } else {
                writeln!(
                    out,
                    "{{\"timestamp\":\"{time}\",\"type\":\"response_item\",\"payload\":{{\"type\":\"function_call\",\"name\":\"shell\",\"arguments\":\"{{\\\"command\\\":[\\\"cat\\\",\\\"src/tree_{}.rs\\\"]}}\",\"call_id\":\"{tool}\"}}}}",
                    self.rng.below(40)
                )?;
            }
            let cached = self.rng.below(60_000);
            let (input, output) = (cached + self.rng.below(9_000), self.rng.below(1_200) + 10);
            let reasoning = self.rng.below(output);
            let last_usage = [input, cached, output, reasoning];
            for (sum, count) in total.iter_mut().zip(last_usage) {
                *sum += count;
            }
            // Now and then the same is told twice.
            for _ in 0..=u64::from(self.rng.below(5) == 0) {
                let usage = |of: &[u64; 4]| {
                    format!(
                        "{{\"input_tokens\":{},\"cached_input_tokens\":{},\"output_tokens\":{},\"reasoning_output_tokens\":{},\"total_tokens\":{}}}",
                        of[0],
                        of[1],
                        of[2],
                        of[3],
                        of[0] + of[2]
                    )
                };
                let time = self.tick(300);
                writeln!(
                    out,
                    "{{\"timestamp\":\"{time}\",\"type\":\"event_msg\",\"payload\":{{\"type\":\"token_count\",\"info\":{{\"total_token_usage\":{},\"last_token_usage\":{},\"model_context_window\":258400}},\"rate_limits\":{{\"primary\":{{\"used_percent\":4.0,\"window_minutes\":300,\"resets_at\":1772359200}},\"secondary\":null}}}}}}",
                    usage(total),
                    usage(&last_usage)
                )?;
            }
            if !last {
                let size = self.between(300, 24_000);
                let text = self.text(size);
                let time = self.tick(4_000);
                writeln!(
                    out,
                    "{{\"timestamp\":\"{time}\",\"type\":\"response_item\",\"payload\":{{\"type\":\"function_call_output\",\"call_id\":\"{tool}\",\"output\":\"{text}\"}}}}"
                )?;
            }
        }
        Ok(())
    }
}

/// A conversation that is being written.
struct Talk {
    project: String,
    session: String,
    /// The last line's name, as JSON.
    parent: String,
    side: bool,
    out: Vec<u8>,
}

fn write(path: &Path, bytes: &[u8]) -> Done {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    let mut file = BufWriter::new(File::create_new(path)?);
    file.write_all(bytes)?;
    file.flush()?;
    Ok(())
}
