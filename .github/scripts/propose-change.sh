#!/usr/bin/env bash
# Makes a pull request of a packed change, or brings the open one up to date.
#
#     propose-change.sh FOLDER BRANCH
#
# FOLDER holds change.patch, title.txt and body.md. This runs with the right to write, so it runs git and gh alone, on files
# that a job without that right made: nothing is installed, nothing of their content is run, and nothing outside of papers/
# and results/ gets in. Exit code 6: people have committed to BRANCH, and their work stays.
set -euo pipefail
folder=$1 branch=$2
bot="41898282+github-actions[bot]@users.noreply.github.com"

if [ ! -s "$folder/change.patch" ]; then
    echo "Nothing changed: no pull request"
    exit 0
fi
base=$(git rev-parse --abbrev-ref HEAD)
gh auth setup-git
before=""
if git fetch --quiet origin "+refs/heads/$branch:refs/remotes/origin/$branch" 2> /dev/null; then
    before=$(git rev-parse "refs/remotes/origin/$branch")
    who=$(git log --format='%ae%n%ce' "HEAD..$before")
    # Not in one pipeline: a grep that ends early makes git fail, and pipefail would call that "nobody".
    if [ -n "$who" ] && grep -Fxqv "$bot" <<< "$who"; then
        echo "::error::People have committed to $branch, and it is left as it is: merge it or delete it, then run this again"
        exit 6
    fi
fi

# Lines of a file begin with a sign in a patch: these can only be its own. Records and tables are plain files.
if grep -Eq '^(new file mode|new mode) (120000|160000|100755)' "$folder/change.patch"; then
    echo "::error::The change holds a link or a program, and nothing of it is taken"
    exit 3
fi

git switch --quiet --create "$branch"
git apply --index --include='papers/*' --include='results/*' "$folder/change.patch"
git -c user.name='github-actions[bot]' -c user.email="$bot" commit --quiet --file "$folder/title.txt"
if [ -n "$before" ] && git diff --quiet "$before" HEAD; then
    echo "The branch $branch holds this already"
else
    git push --quiet --force-with-lease="refs/heads/$branch:$before" origin "HEAD:refs/heads/$branch"
fi

title=$(cat "$folder/title.txt")
number=$(gh pr list --head "$branch" --state open --json number --jq '.[0].number // empty')
if [ -n "$number" ]; then
    gh pr edit "$number" --title="$title" --body-file "$folder/body.md"
else
    gh pr create --base "$base" --head "$branch" --title="$title" --body-file "$folder/body.md"
fi
