#!/bin/sh
# What Packer's docker builder and its post-processors ask of the program `docker`, answered with buildah and runc.
# Packer runs it in namespaces of its own, in the folder /run/kiln-build:
#   images       a line for each image that Kiln has brought: its name for buildah, and the name in the template
#   asked        images that are needed and not there, a line each: Kiln brings them, and runs Packer again
#   made         the number of the newest image, which is the result
#   notes        sentences for people about what was left out
# A container has no process of its own: each `docker exec` runs a new one on the container's files.
set -eu
umask 022
here=/run/kiln-build
state=$here/docker
mkdir -p "$state"
newline='
'

fail() {
  echo "Kiln's docker: $*" >&2
  exit 1
}

unknown() {
  fail "\`docker $*\` is not known here. See docs/packer.md of Kiln."
}

b() {
  buildah --storage-driver vfs --root $here/root --runroot $here/run "$@"
}

# The name for buildah of the image of this name.
image_of() {
  if [ -f $here/images ]; then
    while read -r ours name; do
      [ "$name" != "$1" ] || { echo "$ours"; return; }
    done <$here/images
  fi
  if [ -f "$state/names" ]; then
    while read -r ours name; do
      [ "$name" != "$1" ] || { echo "$ours"; return; }
    done <"$state/names"
  fi
  printf '%s\n' "$1" >>$here/asked
  echo "Kiln brings the image $1." >&2
  return 1
}

id_of() {
  b inspect --type image --format '{{.FromImageID}}' "$1"
}

run() {
  user='' folder='' volumes='' variables=''
  while :; do
    case ${1-} in
      -d | -i | -t | -it | -dit | --rm | --detach | --interactive | --tty) ;;
      --entrypoint=* | --platform=* | --name=* | --network=* | --hostname=*) ;;
      --entrypoint | --platform | --name | --network | --hostname) shift ;;
      -v | --volume) volumes=$volumes${volumes:+$newline}$2 && shift ;;
      -u | --user) user=$2 && shift ;;
      -w | --workdir) folder=$2 && shift ;;
      -e | --env) variables=$variables${variables:+$newline}$2 && shift ;;
      --) shift && break ;;
      -*) unknown run "$1" ;;
      *) break ;;
    esac
    shift
  done
  image=$(image_of "$1")
  container=$(cd $here && b from --pull=never --signature-policy $here/policy.json "$image")
  if [ -n "$user" ]; then b config --user "$user" "$container"; fi
  if [ -n "$folder" ]; then b config --workingdir "$folder" "$container"; fi
  printf '%s\n' "$variables" | while IFS= read -r one; do
    [ -z "$one" ] || b config --env "$one" "$container"
  done
  printf '%s\n' "$volumes" >"$state/$container.volumes"
  echo "$container"
}

run_in() {
  user='' folder='' variables=''
  while :; do
    case ${1-} in
      -i | -t | -it | -ti | --interactive | --tty) ;;
      -u | --user) user=$2 && shift ;;
      -w | --workdir) folder=$2 && shift ;;
      -e | --env) variables=$variables${variables:+$newline}$2 && shift ;;
      -*) unknown exec "$1" ;;
      *) break ;;
    esac
    shift
  done
  container=$1
  shift
  set -- "$container" -- "$@"
  while IFS= read -r one; do
    # Packer's own folder in the container would stay in the image; uploads do not need it.
    case $one in '' | *:/packer-files) ;; *) set -- --volume "$one" "$@" ;; esac
  done <"$state/$container.volumes"
  while IFS= read -r one; do
    [ -z "$one" ] || set -- --env "$one" "$@"
  done <<END
$variables
END
  # Docker knows root in images without a list of users, too.
  if [ "$user" = root ]; then user=0; fi
  if [ -n "$user" ]; then set -- --user "$user" "$@"; fi
  if [ -n "$folder" ]; then set -- --workingdir "$folder" "$@"; fi
  b run --isolation oci --network "${KILN_NETWORK:-none}" --no-hosts "$@"
}

copy() {
  while :; do
    case ${1-} in
      -a | -L | -q) shift ;;
      -) break ;;
      -*) unknown cp "$1" ;;
      *) break ;;
    esac
  done
  case $2 in
    -)
      root=$(b mount "${1%%:*}")
      path=${1#*:}
      tar -C "$root/$(dirname "$path")" -c -- "$(basename "$path")"
      ;;
    *:*)
      container=${2%%:*} path=${2#*:}
      if [ "$1" = - ]; then
        unpacked=$(mktemp -d "$state/upload.XXXXXX")
        tar -C "$unpacked" -x --no-same-owner
        b copy -q "$container" "$unpacked" "$path" >/dev/null
        rm -rf "$unpacked"
        return
      fi
      case $1 in
        */.) ;;
        *) if [ -d "$1" ] && [ -d "$(b mount "$container")/$path" ]; then path=$path/$(basename "$1"); fi ;;
      esac
      b copy -q "$container" "$1" "$path" >/dev/null
      ;;
    *)
      root=$(b mount "${1%%:*}")
      cp -a "$root/${1#*:}" "$2"
      ;;
  esac
}

# Sets `changes`, `message` and `author` from options, and `rest` to how many arguments they were.
options() {
  changes='' message='' author='' rest=0
  while :; do
    case ${1-} in
      -c | --change)
        # What a newer Packer says in place of nothing.
        case $2 in 'CMD [""]' | 'ENTRYPOINT [""]') ;; *) changes=$changes$2$newline ;; esac
        shift && rest=$((rest + 1))
        ;;
      -m | --message) message=$2 && shift && rest=$((rest + 1)) ;;
      -a | --author) author=$2 && shift && rest=$((rest + 1)) ;;
      -p | -q | -f | --platform=*) ;;
      -) break ;;
      -*) unknown "$1" ;;
      *) break ;;
    esac
    shift && rest=$((rest + 1))
  done
}

# An image of a container, with the changes; prints its id. Times are 1970, so that the same content is the same image.
make() {
  number=$(($(cat $here/made 2>/dev/null || echo 0) + 1))
  name=localhost/made:$number
  if [ -n "$author" ]; then b config --author "$author" "$1"; fi
  b commit -q --timestamp 0 --identity-label=false --format oci --signature-policy $here/policy.json "$1" "$name" >/dev/null
  if [ -n "$changes" ]; then
    mkdir -p "$state/empty"
    printf 'FROM %s\n%s' "$name" "$changes" >"$state/changes"
    b build -q --pull=never --timestamp 0 --identity-label=false --format oci --signature-policy $here/policy.json \
      -f "$state/changes" -t "$name" "$state/empty" >/dev/null
  fi
  echo $number >$here/made
  id=$(id_of "$name")
  printf '%s sha256:%s\n%s %s\n' "$name" "${id#sha256:}" "$name" "${id#sha256:}" >>"$state/names"
  echo "sha256:${id#sha256:}"
}

export_files() {
  options
  make "$1" >/dev/null
  tar -C "$(b mount "$1")" -c .
}

import_files() {
  container=$(b from scratch)
  if [ "$1" = - ]; then
    cat >"$state/import.tar"
    set -- "$state/import.tar" "${2-}"
  fi
  b add -q "$container" "$1" / >/dev/null
  id=$(make "$container")
  if [ -n "${2-}" ]; then tag "$id" "$2"; fi
  echo "$id"
}

tag() {
  printf '%s %s\n' "$(image_of "$1")" "$2" >>"$state/names"
}

inspect() {
  case $1 in --format | -f) format=$2 && shift 2 ;; --format=*) format=${1#*=} && shift ;; *) unknown inspect "$1" ;; esac
  case $format in
    *.Id*) id_of "$(image_of "$1")" | sed 's/^\(sha256:\)\{0,1\}/sha256:/' ;;
    *IPAddress*) echo ;;
    *RepoDigests*) echo '[]' ;;
    *.Config.User*) config_of "$1" '{{.OCIv1.Config.User}}' ;;
    *.Config.Cmd*) config_of "$1" '{{if .OCIv1.Config.Cmd}}{{json .OCIv1.Config.Cmd}}{{else}}[""]{{end}}' ;;
    *.Config.Entrypoint*) config_of "$1" '{{if .OCIv1.Config.Entrypoint}}{{json .OCIv1.Config.Entrypoint}}{{else}}[""]{{end}}' ;;
    *) unknown inspect --format "$format" ;;
  esac
}

config_of() {
  if [ -f "$state/$1.volumes" ]; then b inspect --type container --format "$2" "$1"; return; fi
  b inspect --type image --format "$2" "$(image_of "$1")"
}

save() {
  case $1 in -o | --output) exec >"$2" && shift 2 ;; esac
  b push -q --signature-policy $here/policy.json "$(image_of "$1")" "docker-archive:$state/saved.tar" >/dev/null
  cat "$state/saved.tar"
  rm "$state/saved.tar"
}

# For Kiln: the newest image as an image layout in /run/kiln-build/out, its layers not compressed; "dir:" of buildah leaves them so.
layout() {
  plain=$here/plain blobs=$here/out/blobs/sha256
  b push -q --disable-compression --signature-policy $here/policy.json "localhost/made:$(cat $here/made)" "dir:$plain"
  # buildah names an image of this build as the base: Kiln knows the bases.
  sed -i 's/,"annotations":{[^{}]*}//g' $plain/manifest.json
  mkdir -p "$blobs"
  digest=$(sha256sum <$plain/manifest.json | cut -d ' ' -f 1)
  size=$(wc -c <$plain/manifest.json)
  mv $plain/manifest.json "$blobs/$digest"
  rm $plain/version
  mv $plain/* "$blobs"
  echo '{"imageLayoutVersion":"1.0.0"}' >$here/out/oci-layout
  printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s","digest":"sha256:%s","size":%s}]}' \
    application/vnd.oci.image.manifest.v1+json "$digest" "$size" >$here/out/index.json
}

asked=$1
shift
case $asked in
  -v | --version) echo 'Docker version 20.10.24, build kiln' ;;
  pull)
    for image; do :; done
    image_of "$image" >/dev/null
    ;;
  run) run "$@" ;;
  exec) run_in "$@" ;;
  cp) copy "$@" ;;
  inspect) inspect "$@" ;;
  commit)
    options "$@"
    shift $rest
    id=$(make "$1")
    if [ -n "${2-}" ]; then tag "$id" "$2"; fi
    echo "$id"
    ;;
  import)
    options "$@"
    shift $rest
    import_files "$@"
    ;;
  export) export_files "$@" ;;
  save) save "$@" ;;
  tag)
    if [ "$1" = -f ]; then shift; fi
    tag "$1" "$2"
    ;;
  push)
    for image; do :; done
    printf '%s\n' "Packer's push of $image is left out: \`kiln image push\` brings the finished image to a registry." >>$here/notes
    ;;
  layout) layout ;;
  # Credentials are Kiln's own; everything ends with the build.
  login | logout | kill | stop | rm | rmi) ;;
  *) unknown "$asked" ;;
esac
