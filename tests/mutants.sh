#!/usr/bin/env bash
# Takes the protections of the sandbox away, one by one, and sees whether a test
# notices: tests/mutants.sh [WORD]
#
# Each entry of mutants.txt names a file below host-harness, a line's text, what to
# put in its place, and the test that must fail then. With WORD, only entries whose description holds it
# are tried; with MUTANTS_SAMPLE=1/5, a random fifth of them, at least one, which
# MUTANTS_SEED (a number, printed) makes the same again. Works in a copy of the tracked files; prints a
# table; fails if a mutant survives, does not compile, or its text is not found
# exactly once. MUTANTS_KEEP=FOLDER uses (and keeps) a folder for the copy, so
# that a second run compiles less.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
wanted=${1:-}
copy=${MUTANTS_KEEP:-$(mktemp -d)}
[[ -n ${MUTANTS_KEEP:-} ]] || trap 'rm -rf "$copy"' EXIT
mkdir -p "$copy"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
# What is as it was keeps its time, so that it is not compiled again.
cd "$root"
git ls-files -z | while IFS= read -r -d '' tracked; do
    cmp -s "$tracked" "$copy/$tracked" || cp --parents -t "$copy" "$tracked"
done
log=$copy/mutants.log
seconds=300

# The cargo arguments of a test's suite.
suites=(grant sandbox conformance store ingest reports exports policy analysis web host core cli it)
suite() {
    case $1 in
    grant | sandbox | conformance | store | ingest) echo "-p appsec-$1 --lib" ;;
    reports | exports | policy | analysis | web) echo "-p appsec-$1" ;;
    host) echo "-p host-harness --lib" ;;
    core) echo "-p semgrep-core" ;;
    cli) echo "-p harness-cli --test cli" ;;
    it) echo "-p tests --test it" ;;
    *) echo "unknown suite $1" >&2 && exit 2 ;;
    esac
}

# Builds, then runs: built | broken, and green | red in `outcome`.
try() {
    local kind=$1 name=$2
    # shellcheck disable=SC2046
    if ! (cd "$copy" && cargo test --quiet $(suite "$kind") --no-run) >"$log" 2>&1; then
        outcome=broken
    elif (cd "$copy" && timeout "$seconds" cargo test --quiet $(suite "$kind") -- "$name") >"$log" 2>&1; then
        outcome=green
    else
        outcome=red
    fi
}

failures=0
report() {
    printf '%-9s %-58s %s\n' "$1" "$2" "$3"
    [[ $1 == killed ]] || failures=$((failures + 1))
}

whats=() files=() wases=() nows=() kinds=() names=()
what='' file='' was='' now=''
while IFS= read -r line || [[ -n $line ]]; do
    case $line in
    '#'* | '') ;;
    'what: '*) what=${line#what: } ;;
    'file: '*) file=${line#file: } ;;
    'was: '*) was=${line#was: } ;;
    'now:'*) now=${line#now:} now=${now# } ;;
    'test: '*)
        [[ -z $wanted || $what == *"$wanted"* ]] || continue
        read -r kind name <<<"${line#test: }"
        suite "$kind" >/dev/null
        [[ -f $root/host-harness/$file ]] || { echo "mutants.txt: no file $file" >&2 && exit 2; }
        whats+=("$what") files+=("$file") wases+=("$was") nows+=("$now") kinds+=("$kind") names+=("$name")
        ;;
    *) echo "mutants.txt: $line" >&2 && exit 2 ;;
    esac
done <"$root/tests/mutants.txt"
[[ ${#whats[@]} -gt 0 ]] || { echo "no entry of mutants.txt holds $wanted" >&2 && exit 2; }

if [[ -n ${MUTANTS_SAMPLE:-} ]]; then
    [[ $MUTANTS_SAMPLE =~ ^([1-9][0-9]*)/([1-9][0-9]*)$ ]] || { echo "MUTANTS_SAMPLE is a share such as 1/5" >&2 && exit 2; }
    RANDOM=${MUTANTS_SEED:=$((SRANDOM % 32768))}
    count=$(((${#whats[@]} * BASH_REMATCH[1] + BASH_REMATCH[2] - 1) / BASH_REMATCH[2]))
    echo "a sample of $MUTANTS_SAMPLE with MUTANTS_SEED=$MUTANTS_SEED"
    # By a key that is drawn for each of them, and in their own order.
    drawn=()
    for at in "${!whats[@]}"; do drawn+=("$RANDOM $at"); done
    picked=$(printf '%s\n' "${drawn[@]}" | sort -n | cut -d' ' -f2 | sed -n "1,${count}p")
    for at in "${!whats[@]}"; do
        grep -qx "$at" <<<"$picked" || unset "whats[at]"
    done
fi

# First without any change: every test is there and passes.
for kind in "${suites[@]}"; do
    for at in "${!whats[@]}"; do
        [[ ${kinds[at]} == "$kind" ]] || continue
        try "$kind" "${names[at]}"
        if [[ $outcome != green ]] || ! grep -q 'test result: ok\. [1-9]' "$log"; then
            report "no test" "${whats[at]}" "$kind ${names[at]}"
            names[at]=''
        fi
    done
done

for at in "${!whats[@]}"; do
    what=${whats[at]} file=${files[at]} was=${wases[at]} kind=${kinds[at]} name=${names[at]}
    [[ -n $name ]] || continue
    source=$copy/host-harness/$file
    text=$(cat "$root/host-harness/$file" && printf x)
    text=${text%x}
    rest=${text#*"$was"}
    if [[ $text == "$rest" || $rest == *"$was"* ]]; then
        report "not found" "$what" "not exactly once in $file: $was"
        continue
    fi
    printf '%s' "${text%%"$was"*}${nows[at]}$rest" >"$source"
    try "$kind" "$name"
    case $outcome in
    red) report killed "$what" "$kind $name" ;;
    green) report SURVIVED "$what" "$kind $name" ;;
    broken) report "no build" "$what" "$(grep -m1 '^error' "$log")" ;;
    esac
    printf '%s' "$text" >"$source"
done
echo "${#whats[@]} mutants, $failures not killed"
[[ $failures -eq 0 ]]
