#!/usr/bin/env bash
# Real Redis and real Apache Kafka for tests and benches: started on free loopback ports, stopped by process id.
#
#   tests/services.sh install               installs what is missing (Debian and Ubuntu; says what elsewhere)
#   tests/services.sh run -- COMMAND ARGS   runs COMMAND beside the services; the exit code is the command's
#
# COMMAND sees REDIS_URL, KAFKA_BOOTSTRAP and, for what was started here, REDIS_PID, KAFKA_PIDS and SERVICES_DIR.
# A service whose REDIS_URL or KAFKA_BOOTSTRAP is set already is used as it is and neither started nor stopped.
#
#   KAFKA_BROKERS     brokers to start: 1 (default), or 3 for a replicated cluster with min.insync.replicas=2
#   KAFKA_HEAP_OPTS   heap of one broker, default "-Xms256m -Xmx512m"
#   SERVICES_DIR      where each run makes its own directory, default target/services; removed after a good run
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
kafka_version=4.2.0
jars=${XDG_CACHE_HOME:-$HOME/.cache}/channel-gateway/kafka-$kafka_version
patience=1200 # tenths of a second that a service gets until it answers
dir=          # this run's directory
command=      # process id of the command, which leads a process group

say() { printf 'services: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# --- install -----------------------------------------------------------------------------------------------------

# Redis 7 is the first with SET … NX GET.
redis_is_new() { have redis-server && have redis-cli && [ "$(version_of redis-server --version)" -ge 7 ]; }
# Kafka 4 brokers need Java 17.
java_is_new() { have java && [ "$(version_of java -version)" -ge 17 ]; }
# The major version in what a program says about itself; 0 if it says none.
version_of() {
  local said
  said=$("$@" 2>&1) || true
  if [[ $said =~ (v=|version\ \")([0-9]+) ]]; then echo "${BASH_REMATCH[2]}"; else echo 0; fi
}

need_packages() {
  [ -n "${REDIS_URL:-}" ] || redis_is_new || echo redis-server
  # Also where KAFKA_BOOTSTRAP is set: tests/replicated starts brokers of its own, to end them.
  java_is_new || echo default-jre-headless
  [ -d "$jars" ] || have mvn || echo maven
  # The independent client of the end-to-end tests.
  have kcat || echo kcat
  # librdkafka builds its C and C++ halves with its own configure and make; zlib comes with its crate.
  have cc || printf '%s\n' gcc libc6-dev
  have c++ || echo g++
  have make || echo make
}

install_packages() {
  local packages sudo=()
  mapfile -t packages < <(need_packages)
  [ ${#packages[@]} -gt 0 ] || return 0
  [ "$(id -u)" -eq 0 ] || sudo=(sudo)
  if ! have apt-get || ! have "${sudo[0]:-env}"; then
    die "please install these (Debian's names): ${packages[*]}; Redis must be 7 or newer, Java 17 or newer"
  fi
  say "installing ${packages[*]}"
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${packages[@]}" </dev/null >/dev/null
}

# The folder appears complete or not at all, so that a broken download never becomes a broken cache.
install_jars() {
  if [ -d "$jars" ]; then return 0; fi
  say "fetching Kafka $kafka_version (about 55 MB, once)"
  mkdir -p "$(dirname "$jars")"
  local half
  half=$(mktemp -d "$jars.XXXXXX")
  # shellcheck disable=SC2064  # the value of now is meant
  trap "rm -rf '$half'" EXIT
  local try
  for try in 1 2 3; do
    mvn -q -B -Dstyle.color=never --strict-checksums -f "$root/tests/kafka/pom.xml" "-Dkafka.version=$kafka_version" \
      dependency:copy-dependencies "-DoutputDirectory=$half" </dev/null && break
    [ "$try" -lt 3 ] || die "Kafka cannot be fetched with mvn"
  done
  [ -d "$jars" ] || mv "$half" "$jars"
}

install() {
  install_packages
  redis_is_new || [ -n "${REDIS_URL:-}" ] || die "redis-server is older than 7: install a newer one or set REDIS_URL"
  java_is_new || die "java is older than 17: install a newer one"
  install_jars
}

# --- start and stop ----------------------------------------------------------------------------------------------

# Ports nobody listens on, below the range from which the kernel hands out ports of its own.
free_ports() {
  local port found=0
  while [ "$found" -lt "$1" ]; do
    port=$((20000 + RANDOM % 10000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
    echo "$port"
    found=$((found + 1))
  done | sort -u
}

# Starts a program as a job with its output in $1. Where the system can, it also ends when this script is killed outright.
start() {
  local log=$1 with=()
  shift
  if have setpriv; then with=(setpriv --pdeathsig KILL); fi
  "${with[@]}" "$@" >"$log" 2>&1 </dev/null &
}

# Waits until process $1 is gone, ten seconds at most.
until_gone() {
  local left=100
  while kill -0 "$1" 2>/dev/null && [ "$left" -gt 0 ]; do
    left=$((left - 1))
    sleep 0.1
  done
}

# Everything here is thrown away, so nothing is asked to save or to hand over: a killed process leaves no half-stop.
# The jobs that live are exactly what was started here; a paused one (a test's doing) lives too.
stop_services() {
  local pid
  for pid in $(jobs -rp; jobs -sp); do
    kill -KILL "$pid" 2>/dev/null || true
    # Not `wait -f`: it spins for ever on a job that the shell has reaped already.
    until_gone "$pid"
  done
}

# Asks "$2…" until it says yes; fails when process $1 has ended or time is up.
await() {
  local pid=$1 left=$patience
  shift
  until "$@"; do
    kill -0 "$pid" 2>/dev/null || return 1
    left=$((left - 1))
    [ "$left" -gt 0 ] || return 1
    sleep 0.1
  done
}

now() { echo "${EPOCHREALTIME/[.,]/}"; } # microseconds
seconds_since() {
  local tenths=$((($(now) - $1) / 100000))
  echo "$((tenths / 10)).$((tenths % 10)) s"
}

# Our Redis and no other answers on that port.
redis_answers() { redis-cli -h 127.0.0.1 -p "$1" info server 2>/dev/null | grep -q "^process_id:$2"; }

start_redis() {
  local port pid try begun
  begun=$(now)
  for try in 1 2 3; do
    port=$(free_ports 1)
    start "$dir/redis.log" redis-server --bind 127.0.0.1 --port "$port" --dir "$dir" --save '' --appendonly no --daemonize no
    pid=$!
    if await "$pid" redis_answers "$port" "$pid"; then
      export REDIS_URL=redis://127.0.0.1:$port REDIS_PID=$pid
      say "redis on 127.0.0.1:$port, pid $pid, after $(seconds_since "$begun")"
      return 0
    fi
  done
  tail -n 20 "$dir/redis.log" >&2
  die "redis did not start in $try tries"
}

kafka_answers() { grep -q 'Kafka Server started' "$1/broker.log" && (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; }

kafka_settings() { # home, node id, port, controller port, voters, copies, in sync
  cat <<END
process.roles=broker,controller
node.id=$2
controller.quorum.voters=$5
listeners=PLAINTEXT://127.0.0.1:$3,CONTROLLER://127.0.0.1:$4
advertised.listeners=PLAINTEXT://127.0.0.1:$3
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs=$1/data
num.partitions=8
default.replication.factor=$6
min.insync.replicas=$7
offsets.topic.replication.factor=$6
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=$6
transaction.state.log.min.isr=$7
transaction.state.log.num.partitions=8
share.coordinator.state.topic.replication.factor=$6
share.coordinator.state.topic.min.isr=$7
group.initial.rebalance.delay.ms=0
END
}

start_kafka() {
  local brokers=${KAFKA_BROKERS:-1} copies=1 insync=1 heap ports voters='' bootstrap='' begun node home pid
  [[ $brokers =~ ^[1-9]$ ]] || die "KAFKA_BROKERS must be 1 to 9, not '$brokers'"
  [ "$brokers" -lt 3 ] || { copies=3 insync=2; }
  read -ra heap <<<"${KAFKA_HEAP_OPTS:--Xms256m -Xmx512m}"
  begun=$(now)
  # Listeners first, then controllers: all are written into the voters before the first broker starts.
  mapfile -t ports < <(free_ports $((2 * brokers)))
  [ ${#ports[@]} -eq $((2 * brokers)) ] || return 1
  for ((node = 1; node <= brokers; node++)); do
    voters+=${voters:+,}$node@127.0.0.1:${ports[brokers + node - 1]}
    bootstrap+=${bootstrap:+,}127.0.0.1:${ports[node - 1]}
  done
  KAFKA_PIDS=
  for ((node = 1; node <= brokers; node++)); do
    home=$dir/kafka-$node
    rm -rf "$home" && mkdir -p "$home"
    kafka_settings "$home" "$node" "${ports[node - 1]}" "${ports[brokers + node - 1]}" "$voters" "$copies" "$insync" \
      >"$home/server.properties"
    java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$jars/*" kafka.tools.StorageTool format \
      -t 4L6g3nShT-eMCtK--X86sw -c "$home/server.properties" >"$home/format.log" 2>&1 </dev/null \
      || { cat "$home/format.log" >&2; return 1; }
    start "$home/broker.log" java "${heap[@]}" -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
      -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info -cp "$jars/*" kafka.Kafka "$home/server.properties"
    KAFKA_PIDS+=${KAFKA_PIDS:+ }$!
  done
  node=0
  for pid in $KAFKA_PIDS; do
    node=$((node + 1))
    await "$pid" kafka_answers "$dir/kafka-$node" "${ports[node - 1]}" || return 1
    say "kafka broker $node on 127.0.0.1:${ports[node - 1]}, pid $pid, after $(seconds_since "$begun")"
  done
  export KAFKA_BOOTSTRAP=$bootstrap KAFKA_PIDS
}

stop() {
  local code=$?
  trap '' INT TERM HUP
  # The command leads a group of its own, so that what it started ends with it.
  if [ -n "$command" ]; then
    kill -TERM -- "-$command" 2>/dev/null || true
    end_of_group "$command"
  fi
  stop_services
  [ -n "$dir" ] || return
  if [ "$code" -eq 0 ]; then rm -rf "$dir"; else
    rm -rf "$dir"/kafka-*/data
    say "exit code $code; logs of the services are in $dir"
  fi
}

# Waits until no process of group $1 is left; after ten seconds it kills the rest.
end_of_group() {
  local left=100
  while kill -0 -- "-$1" 2>/dev/null; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || { kill -KILL -- "-$1" 2>/dev/null || true; break; }
    sleep 0.1
  done
}

run() {
  local base=${SERVICES_DIR:-$root/target/services} code=0 try
  mkdir -p "$base"
  dir=$(mktemp -d "$(cd "$base" && pwd)/run.XXXXXX")
  export SERVICES_DIR=$dir
  trap stop EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
  # Job control: everything started below leads its own process group, so Ctrl-C reaches this script alone, once.
  set -m
  if [ -z "${KAFKA_BOOTSTRAP:-}" ]; then
    [ -d "$jars" ] || die "Kafka is not installed: tests/services.sh install"
    for try in 1 2 3; do
      start_kafka && break
      stop_services
      [ "$try" -lt 3 ] || { tail -n 20 "$dir"/kafka-*/broker.log >&2; die "kafka did not start in $try tries"; }
    done
  fi
  [ -n "${REDIS_URL:-}" ] || start_redis
  "$@" </dev/null &
  command=$!
  # A stopped command ends the wait too, but it is still there.
  while :; do
    code=0
    wait "$command" || code=$?
    kill -0 "$command" 2>/dev/null || break
    sleep 0.2
  done
  exit "$code"
}

case ${1:-} in
  install) install ;;
  run)
    shift
    [ "${1:-}" = -- ] && shift
    [ $# -gt 0 ] || die "nothing to run: tests/services.sh run -- COMMAND ARGS"
    run "$@"
    ;;
  *) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
