#!/bin/sh
# Speaks the example's recording: a sentence, "hey jarvis", another sentence, with pauses.
# Needs espeak-ng and sox; sox's dithering is off (-D), so that the same versions of both
# write the same bytes. usage: make-recording.sh [OUT.wav]
set -eu

out=${1:-$(dirname "$0")/recording.wav}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# say NAME SECONDS_BEFORE SECONDS_AFTER TEXT
say() {
  espeak-ng -v en-us -s 150 -w "$folder/$1-22050.wav" "$4"
  sox -D "$folder/$1-22050.wav" -r 16000 -c 1 -b 16 "$folder/$1.wav" pad "$2" "$3"
}

say before 1.0 1.5 'The kettle is on in the kitchen.'
say wake-word 0 1.5 'Hey Jarvis!'
say after 0 1.0 'Please turn off the lights.'
sox -D "$folder/before.wav" "$folder/wake-word.wav" "$folder/after.wav" "$out"
