#!/bin/sh
# Runs the Kiln that this action is a part of: the version of the action is the version of the CLI.
set -eu
kiln=$GITHUB_ACTION_PATH/../../kiln
cd "$KILN_FOLDER"
set -- ${KILN_ENVIRONMENT:+--env "$KILN_ENVIRONMENT"}
plan=$("$kiln" plan "$@")
printf '%s\n' "$plan"
printf '````text\n%s\n````\n' "$plan" >> "$GITHUB_STEP_SUMMARY"
"$kiln" deploy "$@"
