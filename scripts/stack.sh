#!/bin/sh
# Clinivault on the real parts, all on loopback: MinIO behind TLS and behind the
# guard, PostgreSQL, Orthanc as the archive and a FHIR R4 server in memory as the
# chart. Keeps its data in $DATA; Ctrl-C stops what it started, by process id.
set -eu
cd "$(dirname "$0")/.."
ADDR=${ADDR:-127.0.0.1:8440}
DATA=${DATA:-.data/demo-stack}
scripts/tools.sh deb npm minio
umask 077
mkdir -p "$DATA"
DATA=$(cd "$DATA" && pwd)
pids=""
orthanc_pid=""

say() { printf '%s\n' "stack: $*" >&2; }

stop() {
  trap - EXIT INT TERM
  for pid in $pids; do kill "$pid" 2>/dev/null || :; done
  # unshare holds SIGTERM back while it waits; it takes Orthanc along.
  [ -z "$orthanc_pid" ] || kill -KILL "$orthanc_pid" 2>/dev/null || :
  for pid in $pids; do wait "$pid" 2>/dev/null || :; done
  say "stopped; the data stays in $DATA"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# free_port: a loopback port that is free now.
free_port() {
  node -e 's=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'
}

# secret FILE: a random secret, made once.
secret() {
  [ -s "$1" ] || openssl rand -hex 24 >"$1"
}

# await NAME PID COMMAND...: until COMMAND succeeds; PID must live.
await() {
  name=$1 pid=$2
  shift 2
  i=0
  until "$@" >/dev/null 2>&1; do
    kill -0 "$pid" 2>/dev/null || { say "$name ended; see $DATA/$name.log"; exit 1; }
    i=$((i + 1))
    [ $i -lt 300 ] || { say "$name does not answer; see $DATA/$name.log"; exit 1; }
    sleep 0.3
  done
  say "$name is ready"
}

# certificate CRT KEY: a self-signed one for loopback, made once.
certificate() {
  [ -e "$1" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 825 -subj "/CN=clinivault stack" \
    -addext "subjectAltName=IP:127.0.0.1,DNS:localhost" -keyout "$2" -out "$1" 2>/dev/null
}

# ready PORT CRT PATH: answers over TLS with 200.
ready() {
  node -e 'require("https").get({host:"127.0.0.1",port:+process.argv[1],path:process.argv[3],ca:require("fs").readFileSync(process.argv[2])},r=>process.exit(r.statusCode===200?0:1)).on("error",()=>process.exit(1))' "$@"
}

minio() {
  mkdir -p "$DATA/minio/certs" "$DATA/minio/objects"
  crt=$DATA/minio/certs/public.crt
  certificate "$crt" "$DATA/minio/certs/private.key"
  secret "$DATA/minio.access"
  secret "$DATA/minio.secret"
  minio_port=$(free_port)
  MINIO_ROOT_USER=$(cat "$DATA/minio.access") MINIO_ROOT_PASSWORD=$(cat "$DATA/minio.secret") \
    MINIO_BROWSER=off MINIO_UPDATE=off MINIO_CALLHOME_ENABLE=off HOME="$DATA/minio" \
    .cache/bin/minio server --quiet --address "127.0.0.1:$minio_port" --certs-dir "$DATA/minio/certs" \
    "$DATA/minio/objects" >"$DATA/minio.log" 2>&1 &
  pids="$pids $!"
  await minio $! ready "$minio_port" "$crt" /minio/health/ready
}

# Only the guard talks to MinIO; the vault talks to the guard.
guard() {
  mkdir -p "$DATA/guard"
  certificate "$DATA/guard/public.crt" "$DATA/guard/private.key"
  guard_port=$(free_port)
  cat >"$DATA/guard.json" <<JSON
{
  "listen": "127.0.0.1:$guard_port",
  "tls": {"cert_file": "$DATA/guard/public.crt", "key_file": "$DATA/guard/private.key"},
  "store": "127.0.0.1:$minio_port", "store_ca_file": "$crt", "bucket": "clinivault",
  "access_key_file": "$DATA/minio.access", "secret_key_file": "$DATA/minio.secret"
}
JSON
  .build/vaultd guard --config "$DATA/guard.json" >"$DATA/guard.log" 2>&1 &
  pids="$pids $!"
  await guard $! ready "$guard_port" "$DATA/guard/public.crt" /minio/health/ready
}

postgres() {
  bin=$(dirname "$(ls /usr/lib/postgresql/*/bin/postgres | tail -1)")
  # PostgreSQL refuses to run as root: Debian's account for it then, in a
  # folder it can reach.
  pg=$DATA/postgres
  as=""
  if [ "$(id -u)" = 0 ]; then
    pg=/var/lib/postgresql/clinivault-$(printf %s "$DATA" | sha256sum | cut -c1-12)
    as="setpriv --reuid=postgres --regid=postgres --clear-groups"
    mkdir -p "$pg"
    chown postgres:postgres "$pg"
  fi
  secret "$DATA/postgres.password"
  if [ ! -e "$pg/data/PG_VERSION" ]; then
    cp "$DATA/postgres.password" "$pg/pw"
    [ -z "$as" ] || chown postgres "$pg/pw"
    (cd "$pg" && $as "$bin/initdb" -D "$pg/data" -U clinivault --auth=scram-sha-256 --pwfile="$pg/pw" -E UTF8 --locale=C) >"$DATA/initdb.log" 2>&1
    rm -f "$pg/pw"
  fi
  pg_port=$(free_port)
  (cd "$pg" && exec $as "$bin/postgres" -D "$pg/data" -p "$pg_port" -c listen_addresses=127.0.0.1 -c unix_socket_directories=) \
    >"$DATA/postgres.log" 2>&1 &
  pids="$pids $!"
  await postgres $! "$bin/pg_isready" -q -h 127.0.0.1 -p "$pg_port" -U clinivault
  PGPASSWORD=$(cat "$DATA/postgres.password") "$bin/psql" -q -h 127.0.0.1 -p "$pg_port" -U clinivault -d postgres \
    -tc "SELECT 1 FROM pg_database WHERE datname = 'clinivault'" | grep -q 1 ||
    PGPASSWORD=$(cat "$DATA/postgres.password") "$bin/createdb" -h 127.0.0.1 -p "$pg_port" -U clinivault clinivault
  printf 'postgres://clinivault:%s@127.0.0.1:%s/clinivault\n' "$(cat "$DATA/postgres.password")" "$pg_port" >"$DATA/postgres.dsn"
}

# Orthanc 1.10 listens on all addresses: it gets a network namespace of its own,
# and two sockets carry HTTP in and out of it.
orthanc() {
  mkdir -p "$DATA/orthanc"
  cat >"$DATA/orthanc.json" <<JSON
{"Name": "clinivault-demo", "StorageDirectory": "$DATA/orthanc", "IndexDirectory": "$DATA/orthanc",
 "Plugins": ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"], "HttpPort": 8042, "DicomServerEnabled": false,
 "RemoteAccessAllowed": false, "AuthenticationEnabled": false, "DicomWeb": {"Enable": true, "Root": "/dicom-web/"}}
JSON
  sock=$DATA/orthanc.sock
  rm -f "$sock"
  ns=-npf
  [ "$(id -u)" = 0 ] || ns=-rnpf
  unshare $ns --kill-child=KILL sh -c 'ip link set lo up && socat UNIX-LISTEN:"$1",fork TCP:127.0.0.1:8042 & exec Orthanc "$2"' \
    sh "$sock" "$DATA/orthanc.json" >"$DATA/orthanc.log" 2>&1 &
  pids="$pids $!"
  orthanc_pid=$!
  orthanc_port=$(free_port)
  socat "TCP-LISTEN:$orthanc_port,bind=127.0.0.1,fork,reuseaddr" "UNIX-CONNECT:$sock" 2>>"$DATA/orthanc.log" &
  pids="$pids $!"
  await orthanc $orthanc_pid answers "http://127.0.0.1:$orthanc_port/dicom-web/studies"
}

fhir() {
  fhir_port=$(free_port)
  node scripts/fhir-server.mjs "$fhir_port" >"$DATA/fhir.log" 2>&1 &
  pids="$pids $!"
  await fhir $! answers "http://127.0.0.1:$fhir_port/fhir/R4/Patient?_id=none"
}

answers() {
  node -e 'require("http").get(process.argv[1],r=>process.exit(r.statusCode<500?0:1)).on("error",()=>process.exit(1))' "$1"
}

minio
guard
postgres
orthanc
fhir
cat >"$DATA/vaultd.json" <<JSON
{
  "listen": "$ADDR",
  "data": "$DATA/vault",
  "database": {"postgres_dsn_file": "$DATA/postgres.dsn"},
  "minio": {"endpoint": "127.0.0.1:$guard_port", "bucket": "clinivault", "access_key_file": "$DATA/minio.access",
            "secret_key_file": "$DATA/minio.secret", "ca_file": "$DATA/guard/public.crt"},
  "chart": {
    "fhir": {"base_url": "http://127.0.0.1:$fhir_port/fhir/R4", "patient_system": "urn:oid:2.999.1", "create_patient": true},
    "dicom": {"base_url": "http://127.0.0.1:$orthanc_port/dicom-web", "institution_name": "Demo hospital",
              "delete": "orthanc", "orthanc_url": "http://127.0.0.1:$orthanc_port"}
  }
}
JSON
say "archive: http://127.0.0.1:$orthanc_port/app/explorer.html   chart: http://127.0.0.1:$fhir_port/fhir/R4 (in memory)"
.build/vaultd demo --config "$DATA/vaultd.json" &
vaultd=$!
pids="$vaultd $pids"
wait $vaultd
