#!/bin/sh
# Prints the guest as base64: `build.sh 18` the quiet one, `build.sh 1` the fast one. Needs binutils.
set -e
cd "$(dirname "$0")"
object=$(mktemp)
image=$(mktemp)
trap 'rm -f "$object" "$image"' EXIT
as --32 --defsym EVERY="$1" -o "$object" tick.s
ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o "$image" "$object"
base64 -w 76 "$image"
