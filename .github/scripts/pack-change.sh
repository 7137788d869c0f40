#!/usr/bin/env bash
# Checks and tells what kb changed in the working tree, and packs it for propose-change.sh.
#
#     pack-change.sh FOLDER
#
# FOLDER gets change.patch, unless nothing changed, and at the end of its body.md what the change does to the survey.
set -euo pipefail
folder=$1

# What came in may speak for or against a claim, or make it stale.
kb claims update
# Only what kb writes by itself. A folder that is not there is no mistake.
git add --all .
git diff --cached --binary -- papers results > "$folder/change.patch"
if [ ! -s "$folder/change.patch" ]; then
    rm "$folder/change.patch"
    echo "Nothing changed"
    exit 0
fi
kb check --errors
kb diff --markdown "$folder/diff.md"
cat "$folder/diff.md" >> "$folder/body.md"
