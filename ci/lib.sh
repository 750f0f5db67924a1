# Helpers shared by the checks in this folder; sourced, not run.
# After sourcing, the working directory is the repository's root and CARGO_TARGET_DIR is absolute,
# so that every check shares one target directory wherever it was started from.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CHECK=$(basename "$0")

case "${CARGO_TARGET_DIR:=$ROOT/target}" in
    /*) ;;
    *) CARGO_TARGET_DIR=$PWD/$CARGO_TARGET_DIR ;;
esac
export CARGO_TARGET_DIR
if [[ ${CI:-} == true ]]; then
    # Nothing is rebuilt after an edit there, so incremental data is only disk and time.
    export CARGO_INCREMENTAL=0
fi
cd "$ROOT"

say() { printf '%s: %s\n' "$CHECK" "$*" >&2; }

fail() {
    printf '%s: FAILED: %s\n' "$CHECK" "$*" >&2
    exit 1
}

# Shows a command and runs it; a failure names the command and ends the check.
run() {
    printf '%s: running: %s\n' "$CHECK" "$*" >&2
    "$@" || fail "$* (exit $?)"
}

# Says something that must not be overlooked; `ci/all` repeats it in its summary.
note() {
    say "NOTE: $*"
    if [[ -n ${CI_NOTES:-} ]]; then
        printf '%s: %s\n' "$CHECK" "$*" >>"$CI_NOTES"
    fi
}

# need COMMAND HOW-TO-INSTALL
need() { command -v "$1" >/dev/null 2>&1 || fail "$1 is not installed: $2"; }

need_cargo() { need cargo 'install Rust with rustup, https://rustup.rs'; }

# The crates that the workspace excludes and that exist, one a line.
excluded_crates() {
    local list crate
    list=$(sed -n 's/^exclude = \[\(.*\)\]$/\1/p' Cargo.toml | tr -d '" ' | tr ',' '\n')
    [[ -n $list ]] || fail 'no one-line "exclude = [...]" in Cargo.toml'
    while read -r crate; do
        if [[ -f $crate/Cargo.toml ]]; then printf '%s\n' "$crate"; fi
    done <<<"$list"
}

# The features of sessionlog-core but `default`, one a line.
core_features() {
    awk '/^\[/ { inside = ($0 == "[features]"); next }
         inside && /^[A-Za-z0-9_-]+ *=/ && $1 != "default" { print $1 }' core/Cargo.toml
}

# The workspace's rust-version, such as 1.95.
rust_version() {
    local version
    version=$(sed -n 's/^rust-version = "\([0-9.]*\)"$/\1/p' Cargo.toml)
    [[ -n $version ]] || fail 'no rust-version in Cargo.toml'
    printf '%s\n' "$version"
}

# Runs a command as root: directly, or through sudo when that asks for no password.
as_root() {
    if [[ $(id -u) == 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 126
    fi
}

# cargo_tool NAME VERSION: makes the cargo subcommand NAME available, from PATH or installed from crates.io
# under the target directory, where it touches nothing of the user's.
cargo_tool() {
    local name=$1 version=$2 tools=$CARGO_TARGET_DIR/ci-tools
    PATH=$tools/bin:$PATH
    if command -v "$name" >/dev/null 2>&1; then return; fi
    say "$name is not installed: installing $name $version into $tools (about a minute, once)"
    # A debug build: the tool runs for a second, and an optimised one takes three times as long to compile.
    cargo install "$name" --locked --version "$version" --debug --config profile.dev.debug=0 \
        --root "$tools" --target-dir "$tools/build" ||
        fail "cannot install $name: run \"cargo install $name --locked\" and try again"
    rm -rf "$tools/build"
}
