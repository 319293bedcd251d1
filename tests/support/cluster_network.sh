# cluster_network.sh: the part of cluster.sh that gives each node a network namespace of its own, joined by a bridge, and cuts nodes off. To be
# sourced by it. Whoever disturbs the cluster stands at the bridge itself, in the namespace in which cluster.sh is run.

readonly bridge=umbel caller=10.77.0.100

in_network_of() { # in_network_of NAME COMMAND…
    local name=$1
    shift
    nsenter --target "$(< "$dir/$name/pid")" --net "$@"
}

build_bridge() {
    ip link add "$bridge" type bridge && ip address add "$caller/24" dev "$bridge" && ip link set "$bridge" up
}

# Joins a node that has just been launched to the bridge. Its hardware address stays the same whenever it is restarted, so that nobody
# looks for it in vain.
plug_in() {
    local name=$1 pid number=${1#n} own
    pid=$(< "$dir/$1/pid") own=$(readlink /proc/self/ns/net)
    while [[ $(readlink "/proc/$pid/ns/net" 2> /dev/null) == "$own" ]]; do sleep 0.01; done
    ip link delete "$bridge-$name" 2> /dev/null
    ip link add "$bridge-$name" type veth peer name eth0 netns "$pid" address "$(printf '02:00:0a:4d:00:%02x' "$number")" &&
        ip link set "$bridge-$name" master "$bridge" up &&
        in_network_of "$name" ip address add "10.77.0.$number/24" dev eth0 &&
        in_network_of "$name" ip link set lo up && in_network_of "$name" ip link set eth0 up
}

rejoin_node() {
    ip link set "$bridge-$1" up || return 1
    in_network_of "$1" ip route delete blackhole "$caller" 2> /dev/null
    return 0
}
