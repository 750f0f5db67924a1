use super::*;
use clap::CommandFactory as _;
use clap::error::ErrorKind;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("sessionlog").chain(line.split_whitespace()))
}

fn command(line: &str) -> Command {
    parse(line)
        .unwrap_or_else(|e| panic!("{line}: {e}"))
        .command
}

fn refusal(line: &str) -> ErrorKind {
    match parse(line) {
        Ok(cli) => panic!("{line}: {cli:?}"),
        Err(error) => error.kind(),
    }
}

#[test]
fn clap_finds_no_fault() {
    Cli::command().debug_assert();
}

#[test]
fn each_command_takes_its_arguments() {
    assert!(matches!(command("new --cwd /w --parent 0196"),
        Command::New(New { cwd: Some(cwd), parent: Some(parent) })
        if cwd.as_os_str() == "/w" && parent == "0196"));
    assert!(matches!(command("append latest"),
        Command::Append(Append { session, sync: SyncWish::Turn }) if session.session == "latest"));
    for (word, wish) in [("entry", SyncWish::Entry), ("manual", SyncWish::Manual)] {
        assert!(matches!(command(&format!("append s --sync {word}")),
            Command::Append(append) if append.sync == wish));
    }
    assert!(matches!(command("list"), Command::List(l) if l.dirs.is_empty() && !l.all));
    assert!(matches!(command("list a b"), Command::List(l) if l.dirs.len() == 2));
    assert!(matches!(command("list --all"), Command::List(l) if l.all));
    assert!(
        matches!(command("import a --anew"), Command::Import(i) if i.anew && i.paths.len() == 1)
    );
    assert!(
        matches!(command("export s --to claw -o f"), Command::Export(e)
        if e.to == interchange::Wish::Claw && e.output.is_some())
    );
    assert!(
        matches!(command("prune --older-than 2w --max-size 1G --keep 3"), Command::Prune(p)
        if p.older_than.map(|age| age.as_secs()) == Some(14 * 86_400)
            && p.max_size == Some(1 << 30) && p.keep == Some(3) && !p.apply)
    );
    assert!(
        matches!(command("show s --full"), Command::Show(Show { session, full: true, .. })
        if session.session == "s")
    );
    assert!(matches!(command("context s"), Command::Context(c) if c.session.session == "s"));
    assert!(matches!(command("tree s"), Command::Tree(t) if t.session.session == "s"));
    assert!(matches!(command("usage s --prices p.json"),
        Command::Usage(Usage { sessions, prices: Some(prices), .. })
        if sessions == ["s"] && prices.as_os_str() == "p.json"));
    assert_eq!(refusal("usage"), ErrorKind::MissingRequiredArgument);
    assert_eq!(
        refusal("usage --all --csv --json"),
        ErrorKind::ArgumentConflict
    );
    assert!(matches!(
        command("usage --all --by week"),
        Command::Usage(Usage {
            many: Many {
                all: true,
                by: Some(By::Week),
                ..
            },
            ..
        })
    ));
    assert!(
        matches!(command("leaf s msg-3"), Command::Leaf(Leaf { session, entry })
        if session.session == "s" && entry == "msg-3")
    );
    assert!(matches!(command("fork s --at msg-3 --name try"),
        Command::Fork(Fork { session, at: Some(at), name: Some(name), .. })
        if session.session == "s" && at == "msg-3" && name == "try"));
    assert!(
        matches!(command("compact s --summary short --keep messages:4"),
        Command::Compact(Compact { session, summary: Some(summary), keep: Keep::Messages(4) })
        if session.session == "s" && summary == "short")
    );
    assert!(matches!(command("compact s"), Command::Compact(c) if c.keep == Keep::Quarter));
    assert!(
        matches!(command("verify a b"), Command::Verify(v) if v.paths == ["a", "b"] && !v.skipped)
    );
    assert!(matches!(command("verify --skipped a"), Command::Verify(v) if v.skipped));
    assert!(matches!(command("repair s"), Command::Repair(r) if r.session.session == "s"));
    assert!(
        matches!(command("delete s"), Command::Delete(Delete { session, yes: false })
        if session.session == "s")
    );
    assert!(matches!(command("delete -y s"), Command::Delete(d) if d.yes));
    assert!(matches!(command("completions fish"),
        Command::Completions(c) if c.shell == clap_complete::Shell::Fish));
}

#[test]
fn options_for_every_command_stand_anywhere() {
    for line in [
        "--json --color never --dir d list",
        "list --dir d --json --color=never",
    ] {
        let global = parse(line).unwrap().global;
        assert!(global.json);
        assert_eq!(global.color, ColorWish::Never);
        assert_eq!(global.dir.unwrap().as_os_str(), "d");
    }
    let global = parse("list").unwrap().global;
    assert!(!global.json && global.dir.is_none());
    assert_eq!(global.color, ColorWish::Auto);
}

#[test]
fn what_makes_no_sense_is_refused() {
    use ErrorKind::{InvalidSubcommand, InvalidValue, MissingRequiredArgument, UnknownArgument};
    assert_eq!(refusal("rewrite s"), InvalidSubcommand);
    assert_eq!(refusal("show"), MissingRequiredArgument);
    assert_eq!(refusal("leaf s"), MissingRequiredArgument);
    assert_eq!(refusal("verify"), MissingRequiredArgument);
    assert_eq!(refusal("list --all s"), ErrorKind::ArgumentConflict);
    assert_eq!(refusal("import"), MissingRequiredArgument);
    assert_eq!(refusal("export s"), MissingRequiredArgument);
    assert_eq!(refusal("export s --to word"), InvalidValue);
    assert_eq!(refusal("prune"), MissingRequiredArgument);
    assert_eq!(
        refusal("prune --older-than soon"),
        ErrorKind::ValueValidation
    );
    assert_eq!(refusal("list --yes"), UnknownArgument);
    assert_eq!(refusal("append s --sync never"), InvalidValue);
    assert_eq!(refusal("--color red list"), InvalidValue);
    assert_eq!(
        refusal("compact s --keep tokens:0"),
        ErrorKind::ValueValidation
    );
    assert_eq!(
        refusal(""),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
}

#[test]
fn keep_says_what_is_wrong() {
    assert_eq!("quarter".parse(), Ok(Keep::Quarter));
    assert_eq!("tokens:1".parse(), Ok(Keep::Tokens(1)));
    assert_eq!(
        "tokens:18446744073709551615".parse(),
        Ok(Keep::Tokens(u64::MAX))
    );
    assert_eq!("messages:12".parse(), Ok(Keep::Messages(12)));
    let cases = [
        ("half", "expected quarter, tokens:N or messages:N"),
        ("", "expected quarter, tokens:N or messages:N"),
        ("quarter:2", "expected quarter, tokens:N or messages:N"),
        ("Tokens:2", "expected quarter, tokens:N or messages:N"),
        ("tokens", "say how many: tokens:N"),
        (
            "messages:0",
            "at least one of the messages is kept: messages:1",
        ),
        ("messages:", "'' is no number of messages"),
        ("messages:-3", "'-3' is no number of messages"),
        ("messages:+3", "'+3' is no number of messages"),
        ("tokens:1k", "'1k' is no number of tokens"),
        (
            "tokens:18446744073709551616",
            "18446744073709551616 is more than 18446744073709551615",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(text.parse::<Keep>(), Err(expected.to_owned()), "{text}");
    }
}

#[test]
fn colour_is_heard_even_in_a_broken_line() {
    let wish = |line: &str| {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        color_wish(&words)
    };
    assert_eq!(wish("sessionlog nonsense"), ColorWish::Auto);
    assert_eq!(wish("sessionlog nonsense --color never"), ColorWish::Never);
    assert_eq!(
        wish("sessionlog --color=always nonsense"),
        ColorWish::Always
    );
    assert_eq!(
        wish("sessionlog --color=always --color never"),
        ColorWish::Never
    );
    assert_eq!(wish("sessionlog -- --color never"), ColorWish::Auto);
    assert_eq!(wish("sessionlog --color"), ColorWish::Auto);
    assert_eq!(wish("--color=never nonsense"), ColorWish::Auto);
}

fn explained(group: &clap::Command) {
    let helps = |command: &&clap::Command| command.get_name() == "help";
    for command in group.get_subcommands().filter(|command| !helps(command)) {
        if command.has_subcommands() {
            explained(command);
        } else {
            let after = command.get_after_help().map(ToString::to_string);
            let json = after.unwrap_or_default();
            assert!(json.starts_with("With --json: "), "{}", command.get_name());
        }
        assert!(command.get_about().is_some(), "{}", command.get_name());
        for arg in command.get_arguments() {
            let explained = arg.get_help().is_some() || arg.get_id() == "shell";
            assert!(explained, "{} {}", command.get_name(), arg.get_id());
        }
    }
}

#[test]
fn help_explains_everything() {
    let mut root = Cli::command();
    root.build();
    explained(&root);
    let help = root.render_long_help().to_string();
    for word in ["latest", "SESSIONLOG_DIR", "NO_COLOR", "Exit codes"] {
        assert!(help.contains(word), "{word}");
    }
}
