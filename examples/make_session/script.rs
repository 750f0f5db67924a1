//! What is said and done in the example session: all of it made up.

use super::Model::{Flash, Mini, Sonnet};
use super::Step::{self, Ask, BackTo, Compact, End, Ran, Returned, Say};
use sessionlog_core::payload::{
    AssistantContent as Answer, ImageSource, InputContent as Input, MediaType,
};
use sessionlog_core::usage::Usage;

/// The session's working directory.
pub(crate) const CWD: &str = "/home/dev/inventory-service";

/// What a call to Anthropic reports.
const fn cached(input: u64, output: u64, read: u64, write: u64) -> Usage {
    Usage {
        input_tokens: input,
        output_tokens: output,
        cache_read_tokens: read,
        cache_write_tokens: write,
        cache_write_1h_tokens: Some(0),
        reasoning_tokens: None,
    }
}

/// What a call to the other two reports: they charge nothing for cache writes.
const fn reasoned(input: u64, output: u64, read: u64, reasoning: u64) -> Usage {
    Usage {
        input_tokens: input,
        output_tokens: output,
        cache_read_tokens: read,
        cache_write_tokens: 0,
        cache_write_1h_tokens: None,
        reasoning_tokens: Some(reasoning),
    }
}

/// The session, step by step.
pub(crate) const SCRIPT: &[Step] = &[
    // The failure is reproduced and explained.
    Ask(&[
        Input::text(
            "`expired_reservation_is_released` fails in about one CI run in twenty, and never on my machine. \
             Please find out why before you change anything. The graph shows the last 200 runs.",
        ),
        Input::Image {
            source: ImageSource::Url {
                url: "https://ci.example.org/inventory-service/tests/expired_reservation_is_released.png",
            },
            media_type: MediaType::Png,
        },
    ]),
    Say(
        Sonnet,
        &[
            Answer::thinking(
                "A test that fails only on CI smells of timing. First see it fail here: many runs, with the machine kept busy.",
            ),
            Answer::text(
                "I'll try to make it fail here, with the CPUs kept busy as they are on CI.",
            ),
            Answer::tool_call(
                "toolu_01",
                "bash",
                r#"{"command":"stress -c 8 -t 120 >/dev/null & for i in $(seq 200); do cargo test -q expired_reservation >/tmp/run.log 2>&1 || echo \"run $i failed\"; done; grep -A 3 panicked /tmp/run.log","timeout_s":180}"#,
            ),
        ],
        Usage {
            cache_write_1h_tokens: Some(11_840),
            ..cached(6, 214, 0, 13_906)
        },
    ),
    Ran(
        "toolu_01",
        "bash",
        "run 37 failed\nrun 112 failed\nrun 141 failed\nrun 200 failed\nthread 'reservations::tests::expired_reservation_is_released' panicked at src/reservations.rs:73:9:\nassertion `left == right` failed\n  left: 6\n right: 10\n",
        0,
    ),
    Say(
        Sonnet,
        &[
            Answer::text(
                "Four failures in 200 runs, so it is not CI's fault. Now the test itself.",
            ),
            Answer::tool_call("toolu_02", "read", r#"{"path":"tests/reservations.rs"}"#),
        ],
        cached(4, 87, 13_906, 431),
    ),
    Returned(
        "toolu_02",
        "read",
        "tests/reservations.rs: no such file or directory",
        true,
    ),
    Say(
        Sonnet,
        &[
            Answer::text("The panic names the file: it is a unit test."),
            Answer::tool_call("toolu_03", "read", r#"{"path":"src/reservations.rs"}"#),
        ],
        cached(4, 71, 14_337, 142),
    ),
    Returned(
        "toolu_03",
        "read",
        r#"use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Goods that are held for customers until they are bought or `ttl` has passed.
pub struct Reservations {
    stock: Mutex<HashMap<String, u32>>,
    holds: Mutex<Vec<Hold>>,
    ttl: Duration,
}

struct Hold {
    sku: String,
    count: u32,
    since: Instant,
}

/// There is less in stock than was asked for.
#[derive(Debug)]
pub struct SoldOut;

impl Reservations {
    pub fn with_stock(sku: &str, count: u32, ttl: Duration) -> Self {
        let stock = Mutex::new(HashMap::from([(sku.to_owned(), count)]));
        Self { stock, holds: Mutex::default(), ttl }
    }

    pub fn available(&self, sku: &str) -> u32 {
        self.stock.lock().unwrap().get(sku).copied().unwrap_or(0)
    }

    pub fn reserve(&self, sku: &str, count: u32) -> Result<(), SoldOut> {
        let mut stock = self.stock.lock().unwrap();
        let left = stock.get_mut(sku).ok_or(SoldOut)?;
        *left = left.checked_sub(count).ok_or(SoldOut)?;
        let hold = Hold { sku: sku.to_owned(), count, since: Instant::now() };
        self.holds.lock().unwrap().push(hold);
        Ok(())
    }

    /// Gives back what has been held for `ttl` or longer.
    fn release_expired(&self, now: Instant) {
        let mut stock = self.stock.lock().unwrap();
        self.holds.lock().unwrap().retain(|hold| {
            let expired = now.duration_since(hold.since) >= self.ttl;
            if expired {
                *stock.entry(hold.sku.clone()).or_default() += hold.count;
            }
            !expired
        });
    }
}

/// Looks for expired holds every `period`, for ever.
pub async fn sweep(reservations: Arc<Reservations>, period: Duration) {
    let mut ticks = tokio::time::interval(period);
    loop {
        ticks.tick().await;
        reservations.release_expired(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn expired_reservation_is_released() {
        let shop = Arc::new(Reservations::with_stock("A-17", 10, Duration::from_millis(50)));
        tokio::spawn(sweep(shop.clone(), Duration::from_millis(20)));
        shop.reserve("A-17", 4).unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(shop.available("A-17"), 10);
    }
}
"#,
        false,
    ),
    Say(
        Sonnet,
        &[
            Answer::thinking(
                "Sweeps at 0, 20, 40, 60 ms; the hold expires at 50 ms; the assertion comes at 60 ms. So the sweep at 60 and the assertion race. \
                 A late start of the sweep task moves its sweeps past the assertion. The service itself is right: a hold may live until the next sweep.",
            ),
            Answer::text(
                "The test races with the sweeper:\n\n\
                 | ms | sweeper | test |\n|---|---|---|\n| 0 | sweep | `reserve` |\n| 20, 40 | sweep, hold still valid | sleeps |\n| 50 | – | the hold expires |\n| 60 | sweep → gives back 4 | asserts |\n\n\
                 Both wake at 60 ms. When the sweeper is the later one, the test sees 6 instead of 10. The service is right; \
                 only the test relies on who wins. I have changed nothing yet.",
            ),
        ],
        cached(4, 402, 14_479, 958),
    ),
    End,
    // A question aside, to a smaller model.
    Ask(&[Input::text(
        "/ask gpt-5-mini Does the first tick of `tokio::time::interval` come at once or after one period?",
    )]),
    Say(
        Mini,
        &[Answer::text(
            "At once: the first `tick().await` completes immediately, the second one period later. \
             `interval_at(Instant::now() + period, period)` starts with a wait.",
        )],
        reasoned(1_184, 322, 2_048, 256),
    ),
    End,
    // The first way, given up later.
    Ask(&[Input::text("That fits your table. Fix it, please.")]),
    Say(
        Sonnet,
        &[
            Answer::text("The simplest change: leave the sweeper time for several sweeps."),
            Answer::tool_call(
                "toolu_04",
                "edit",
                r#"{"path":"src/reservations.rs","old":"sleep(Duration::from_millis(60))","new":"sleep(Duration::from_millis(500))"}"#,
            ),
        ],
        cached(5, 163, 15_437, 597),
    ),
    Returned(
        "toolu_04",
        "edit",
        "--- src/reservations.rs\n+++ src/reservations.rs\n@@ -71,4 +71,4 @@\n         shop.reserve(\"A-17\", 4).unwrap();\n-        tokio::time::sleep(Duration::from_millis(60)).await;\n+        tokio::time::sleep(Duration::from_millis(500)).await;\n         assert_eq!(shop.available(\"A-17\"), 10);\n     }\n",
        false,
    ),
    Say(
        Sonnet,
        &[Answer::text(
            "The test now sleeps 500 ms: 22 further sweeps have to be late before it fails.",
        )],
        cached(4, 58, 16_034, 304),
    ),
    End,
    // Back to the end of the question aside, and another way.
    BackTo("msg-11"),
    Ask(&[Input::text(
        "Let's go back: a longer sleep makes the failure rarer and the suite slower. Put the test in charge of the clock instead.",
    )]),
    Say(
        Sonnet,
        &[
            Answer::thinking(
                "Tokio can pause its clock, but std's Instant runs on. So the code has to use tokio::time::Instant, and the tests need the feature test-util. \
                 With the clock paused, sleeping at 60 would still tie with the sweep at 60: sleep 61.",
            ),
            Answer::text(
                "Agreed. I'll undo the edit and let Tokio's paused clock drive the test. For that, the holds must be dated with `tokio::time::Instant`; std's cannot be paused.",
            ),
            Answer::tool_call(
                "toolu_05",
                "bash",
                r#"{"command":"git checkout -q src/reservations.rs && git status --short && grep -n '^tokio' Cargo.toml"}"#,
            ),
        ],
        cached(5, 271, 15_437, 655),
    ),
    Ran(
        "toolu_05",
        "bash",
        "18:tokio = { version = \"1\", features = [\"macros\", \"rt-multi-thread\", \"sync\", \"time\"] }\n",
        0,
    ),
    Say(
        Sonnet,
        &[
            Answer::tool_call(
                "toolu_06",
                "edit",
                r#"{"path":"Cargo.toml","old":"[dev-dependencies]\n","new":"[dev-dependencies]\ntokio = { version = \"1\", features = [\"test-util\"] }\n"}"#,
            ),
            Answer::tool_call(
                "toolu_07",
                "edit",
                r##"{"path":"src/reservations.rs","edits":[{"old":"use std::time::{Duration, Instant};","new":"use std::time::Duration;\nuse tokio::time::Instant;"},{"old":"#[tokio::test]\n    async fn expired","new":"#[tokio::test(start_paused = true)]\n    async fn expired"},{"old":"sleep(Duration::from_millis(60))","new":"sleep(Duration::from_millis(61))"}]}"##,
            ),
        ],
        cached(4, 366, 16_092, 348),
    ),
    Returned(
        "toolu_06",
        "edit",
        "--- Cargo.toml\n+++ Cargo.toml\n@@ -24,3 +24,4 @@\n [dev-dependencies]\n+tokio = { version = \"1\", features = [\"test-util\"] }\n tempfile = \"3\"\n",
        false,
    ),
    Returned(
        "toolu_07",
        "edit",
        "--- src/reservations.rs\n+++ src/reservations.rs\n@@ -3 +3,2 @@\n-use std::time::{Duration, Instant};\n+use std::time::Duration;\n+use tokio::time::Instant;\n@@ -67,2 +68,2 @@\n-    #[tokio::test]\n+    #[tokio::test(start_paused = true)]\n     async fn expired_reservation_is_released() {\n@@ -72 +73 @@\n-        tokio::time::sleep(Duration::from_millis(60)).await;\n+        tokio::time::sleep(Duration::from_millis(61)).await;\n",
        false,
    ),
    Say(
        Sonnet,
        &[Answer::tool_call(
            "toolu_08",
            "bash",
            r#"{"command":"stress -c 8 -t 120 >/dev/null & cargo test -q expired_reservation -- --nocapture && for i in $(seq 1000); do cargo test -q expired_reservation >/dev/null 2>&1 || echo \"run $i failed\"; done; cargo test -q 2>&1 | tail -n 3","timeout_s":180}"#,
        )],
        cached(4, 148, 16_440, 702),
    ),
    Ran(
        "toolu_08",
        "bash",
        "running 1 test\n.\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 41 filtered out; finished in 0.00s\n\ntest result: ok. 42 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.31s\n",
        0,
    ),
    Say(
        Sonnet,
        &[Answer::text(
            "Fixed. 1000 runs on the busy machine, no failure ✓, and the test takes under 1 ms instead of 60.\n\n\
             - `Hold::since` and the sweeper use `tokio::time::Instant`; outside of tests it is the same clock as std's.\n\
             - The test starts with the clock paused, so time moves only when every task waits.\n\
             - It sleeps 61 ms, not 60: at 60 the sweep and the assertion would still be due at the same moment.",
        )],
        cached(4, 231, 17_142, 275),
    ),
    End,
    Compact(
        4,
        "`expired_reservation_is_released` (unit test in src/reservations.rs) failed in 4 of 200 runs under load. \
         Cause: it slept 60 ms, and the sweeper's tick at 60 ms raced with the assertion; the service itself is right. \
         A longer sleep was rejected (rarer, not gone; slower suite). Done instead: tokio's `test-util` as a dev-dependency, \
         `tokio::time::Instant` in src/reservations.rs, `#[tokio::test(start_paused = true)]` and a sleep of 61 ms. Nothing is committed yet.",
    ),
    // The same fault elsewhere.
    Ask(&[Input::text(
        "Very nice. Do other tests have the same fault? Look for std's `Instant` and for real sleeps.",
    )]),
    Say(
        Sonnet,
        &[Answer::tool_call(
            "toolu_09",
            "bash",
            r#"{"command":"grep -rnE 'std::time::.*Instant|(thread|time)::sleep' src tests"}"#,
        )],
        cached(5, 94, 11_840, 1_212),
    ),
    Ran(
        "toolu_09",
        "bash",
        "src/metrics.rs:4:use std::time::{Duration, Instant};\nsrc/reservations.rs:73:        tokio::time::sleep(Duration::from_millis(61)).await;\n",
        0,
    ),
    Say(
        Sonnet,
        &[Answer::text(
            "No. `src/metrics.rs` measures how long requests take (in µs): real time is right there, and no test depends on it. \
             The only sleep left is the one that I just changed.",
        )],
        cached(4, 88, 13_052, 161),
    ),
    End,
    // A small job for a third model.
    Ask(&[Input::text(
        "/ask gemini-2.5-flash One line each in English, German and Japanese for the release notes: flaky test fixed, no change for users.",
    )]),
    Say(
        Flash,
        &[Answer::text(
            "- Fixed an unreliable test of expired reservations; nothing changes for users.\n\
             - Unzuverlässiger Test für abgelaufene Reservierungen behoben; für Nutzer ändert sich nichts.\n\
             - 期限切れの予約に関する不安定なテストを修正しました。利用者への影響はありません。",
        )],
        reasoned(903, 487, 0, 391),
    ),
    End,
    Ask(&[Input::text("Commit it with the English line 🙂")]),
    Say(
        Sonnet,
        &[Answer::tool_call(
            "toolu_10",
            "bash",
            r#"{"command":"git commit -qam 'Fix an unreliable test of expired reservations' && git log --oneline -1 --stat"}"#,
        )],
        cached(5, 83, 13_213, 318),
    ),
    Ran(
        "toolu_10",
        "bash",
        "9c41f0e Fix an unreliable test of expired reservations\n Cargo.toml          | 1 +\n src/reservations.rs | 7 ++++---\n 2 files changed, 5 insertions(+), 3 deletions(-)\n",
        0,
    ),
    Say(
        Sonnet,
        &[Answer::text("Committed as `9c41f0e`.")],
        cached(4, 17, 13_531, 126),
    ),
    End,
];
