# Compilers for microcontrollers and their machine; sourced after lib.sh, not run.
#
# EMBEDDED_TOOLCHAIN=rustup or =debian picks where the targets come from; otherwise rustup's are used if they can be
# had, else Debian's compiler builds `core` from its source package.

# debian_packages PACKAGE...: installs those that are not there.
debian_packages() {
    command -v dpkg-query >/dev/null 2>&1 || { say 'this is no Debian system'; return 1; }
    local package missing=()
    for package in "$@"; do
        if [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) != 'install ok installed' ]]; then
            missing+=("$package")
        fi
    done
    if [[ ${#missing[@]} -gt 0 ]]; then
        say "installing Debian's ${missing[*]}"
        { as_root apt-get update -q </dev/null &&
            as_root env DEBIAN_FRONTEND=noninteractive \
                apt-get install -q -y --no-install-recommends "${missing[@]}" </dev/null; } >&2 ||
            { say 'apt-get failed, or this user is neither root nor allowed sudo without a password'; return 1; }
    fi
}

# need_package COMMAND PACKAGE: makes the command available.
need_package() {
    command -v "$1" >/dev/null 2>&1 || debian_packages "$2" || fail "$1 is not installed: on Debian, apt-get install $2"
    command -v "$1" >/dev/null 2>&1 || fail "$1 is not there, although $2 is installed"
}

rustup_targets() {
    command -v rustup >/dev/null 2>&1 || { say 'no rustup here'; return 1; }
    local target
    for target in "$@"; do
        if rustup target list --installed 2>/dev/null | grep -qx "$target"; then continue; fi
        say "asking rustup for $target"
        timeout 120 rustup target add "$target" || { say "rustup cannot get $target"; return 1; }
    done
}

# need_targets TARGET...: decides where their compiler comes from; then embedded_cargo runs it.
need_targets() {
    local debian=(rustc-web cargo-web rust-web-src lld)
    source_of_targets=${EMBEDDED_TOOLCHAIN:-}
    case $source_of_targets in
        rustup) rustup_targets "$@" || fail 'rustup has not all targets' ;;
        debian) debian_packages "${debian[@]}" || fail "Debian's toolchain is not there" ;;
        '')
            if rustup_targets "$@"; then
                source_of_targets=rustup
            elif debian_packages "${debian[@]}"; then
                source_of_targets=debian
            else
                fail "no compiler for $*: run \"rustup target add $*\"," \
                    "or on Debian \"apt-get install ${debian[*]}\""
            fi
            ;;
        *) fail "EMBEDDED_TOOLCHAIN is \"$source_of_targets\": rustup or debian" ;;
    esac
    say "targets from $source_of_targets"
}

# embedded_rustc ARGUMENT...: the compiler that embedded_cargo uses.
embedded_rustc() {
    if [[ $source_of_targets == debian ]]; then /usr/bin/rustc "$@"; else rustc "$@"; fi
}

# embedded_cargo build ARGUMENT...
embedded_cargo() {
    local command=$1
    shift
    if [[ $source_of_targets == debian ]]; then
        # A directory of its own: two compilers would evict each other's files.
        run env RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc CARGO_TARGET_DIR="$embedded_target_dir" \
            CARGO_TARGET_THUMBV7EM_NONE_EABIHF_LINKER=ld.lld \
            /usr/bin/cargo "$command" -Zbuild-std=core "$@"
    else
        run env CARGO_TARGET_DIR="$embedded_target_dir" cargo "$command" "$@"
    fi
}

# use_target_dir NAME: where embedded_cargo puts what it builds. To be called after need_targets.
use_target_dir() { embedded_target_dir=$CARGO_TARGET_DIR/$1-$source_of_targets; }
