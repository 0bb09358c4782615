#!/bin/sh
# Proves that apfs-core links without std, and reads an image that way.
#
#   tests/no_std/run.sh IMAGE [NAME...]
#
# Builds the static library, links it with main.c, lists the root directory of IMAGE and checks that every NAME is
# in it (without names: that it is not empty). CC chooses the C compiler.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
image=${1:?usage: run.sh IMAGE [NAME...]}
shift
target=${CARGO_TARGET_DIR:-$here/target}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cargo build --quiet --release --manifest-path "$here/Cargo.toml" --target-dir "$target"
${CC:-cc} -std=c11 -Wall -Wextra -Werror -O2 -o "$work/list" "$here/main.c" \
    "$target/release/libapfs_no_std_proof.a"

"$work/list" "$image" >"$work/names" || { cat "$work/names" >&2; exit 1; }
test -s "$work/names" || { echo "no_std: $image has no names in its root directory" >&2; exit 1; }
for name in "$@"; do
    grep -qxF -e "$name" "$work/names" || { echo "no_std: $name was not listed" >&2; exit 1; }
done

# Something that is no image must be an error, neither a crash nor an empty list.
if "$work/list" "$here/main.c" >"$work/error"; then
    echo "no_std: a text file was listed as an image" >&2
    exit 1
fi

# The proof can fail: with std there are two panic handlers, and that must not compile.
if cargo check --quiet --release --manifest-path "$here/Cargo.toml" --target-dir "$target" \
    --features with-std 2>"$work/log"; then
    echo "no_std: the library also builds with std, so this proves nothing" >&2
    exit 1
fi
grep -q panic_impl "$work/log" || { cat "$work/log" >&2; exit 1; }

echo "no_std: $(wc -l <"$work/names") names from $(basename "$image") without std"
