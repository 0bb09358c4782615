#!/bin/bash -eu
# Builds every target with its dictionary, its options, and the old findings as first inputs.

cd "$SRC/apfs/fuzz"
cargo fuzz build -O

for source in fuzz_targets/*.rs; do
    target=$(basename "$source" .rs)
    cp "target/x86_64-unknown-linux-gnu/release/$target" "$OUT/"
    cp dict/apfs.dict "$OUT/$target.dict"
    printf '[libfuzzer]\nmax_len = 4098\ntimeout = 10\nrss_limit_mb = 1024\n' >"$OUT/$target.options"
    if [ -d "regressions/$target" ]; then
        zip -qj "$OUT/${target}_seed_corpus.zip" "regressions/$target"/*
    fi
done
