#!/bin/sh
# Installs what the tests need, pinned, into .cache (ignored): Debian packages,
# npm tools by lock file, MinIO, versitygw and staticcheck by exact version.
# Run twice it does nothing the second time. tools.sh [deb] [npm] [go] [minio]
set -eu
cd "$(dirname "$0")/.."
bin=$PWD/.cache/bin
mkdir -p "$bin"

say() { printf '%s\n' "tools: $*" >&2; }

deb() {
  need=""
  for p in chromium postgresql orthanc orthanc-dicomweb dcmtk dicom3tools \
    libimage-exiftool-perl libjpeg-turbo-progs liblcms2-utils socat iproute2 openssl util-linux rsyslog rsyslog-gnutls mount e2fsprogs oathtool zint; do
    dpkg -s "$p" >/dev/null 2>&1 || need="$need $p"
  done
  [ -n "$need" ] || return 0
  say "installing Debian packages:$need"
  sudo=""
  if [ "$(id -u)" != 0 ]; then
    sudo=sudo
    command -v sudo >/dev/null || { say "run as root once, or install yourself:$need"; exit 1; }
  fi
  # Services that Debian would start are not wanted: the tests start their own.
  policy=/usr/sbin/policy-rc.d
  made=""
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null && $sudo chmod +x $policy && made=1
  fi
  $sudo apt-get update -qq
  status=0
  # shellcheck disable=SC2086
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $need >.cache/apt.log 2>&1 || status=$?
  [ -z "$made" ] || $sudo rm -f $policy
  [ $status = 0 ] || { tail -20 .cache/apt.log >&2; exit $status; }
}

npm_tools() {
  if [ ! -e scripts/node_modules/.package-lock.json ] ||
    [ scripts/package-lock.json -nt scripts/node_modules/.package-lock.json ]; then
    say "installing npm tools from the lock file"
    (cd scripts && npm ci --ignore-scripts --no-audit --no-fund --silent)
    touch scripts/node_modules/.package-lock.json
  fi
}

# go_tool NAME MODULE@VERSION: kept under a name that holds the version.
go_tool() {
  want="$bin/$1-${2##*@}"
  if [ ! -x "$want" ]; then
    say "building $1 ${2##*@} (the first time takes minutes)"
    tmp=$(mktemp -d "$bin/$1.building.XXXXXX") # tests that need it wait while this is there
    GOBIN=$tmp nice -n 10 go install "$2" &
    trap 'kill $! 2>/dev/null; rm -rf "$tmp"; exit 143' TERM INT
    wait $! || { rm -rf "$tmp"; exit 1; }
    trap - TERM INT
    mv "$tmp/$1" "$want"
    ln -sf "$(basename "$want")" "$bin/$1"
    rm -rf "$tmp"
  fi
  ln -sf "$(basename "$want")" "$bin/$1"
}

[ $# -gt 0 ] || set -- deb npm go minio
for part in "$@"; do
  case $part in
  deb) deb ;;
  npm) npm_tools ;;
  go)
    go_tool staticcheck honnef.co/go/tools/cmd/staticcheck@v0.8.2
    go_tool versitygw github.com/versity/versitygw/cmd/versitygw@v1.8.0
    ;;
  minio) go_tool minio github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c ;;
  *) say "unknown part $part"; exit 2 ;;
  esac
done
