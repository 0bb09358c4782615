#!/usr/bin/env bash
# Lists a volume with the kernel's own HFS+ driver in the guest that the lab built.
#   list-with-kernel.sh LAB IMAGE LISTING       LAB is the lab's folder "build/uml"
set -euo pipefail
lab=$1 image=$2 listing=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/top" "$work/result"
cat > "$work/top/job.sh" <<'JOB'
mount -t hfsplus -o ro,nls=utf8 $DISK /mnt || exit 1
labtool list /mnt hash > /out/list.tsv || exit 2
JOB
truncate -s 256M "$work/out"
for folder in "$lab/root" "$work/top"; do
	(cd "$folder" && find . | cpio -o -H newc --quiet)
done > "$work/initrd"
timeout 300 "$lab/kernel" mem=512M initrd="$work/initrd" ubda="$image" ubdb="$work/out" \
	con=null con0=null,fd:1 quiet < /dev/null > "$work/console" 2>&1
tar -C "$work/result" -xf "$work/out"
if [ "$(cat "$work/result/status")" != 0 ]; then
	cat "$work/result/job.log" "$work/result/dmesg.log" >&2
	exit 1
fi
mv "$work/result/list.tsv" "$listing"
