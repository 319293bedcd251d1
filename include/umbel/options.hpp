// options.hpp: everything a user may set, and every bound of the library, in plain types.
// It knows no executor and no socket. A client copies its options once, when it is constructed.
#pragma once

#include <umbel/config.hpp>
#include <umbel/credentials.hpp>
#include <umbel/durations.hpp>
#include <umbel/error.hpp>
#include <umbel/secret.hpp>
#include <umbel/seed_list.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace umbel {

class encryption;

/// The protocol version a connection speaks. `automatic` asks for RESP3 and falls back to RESP2.
enum class protocol : std::uint8_t { automatic, resp2, resp3 };

/// What a connection sends when it is opened. `full` sends HELLO, CLIENT SETINFO and CLUSTER MYID as well;
/// `minimal` sends AUTH, SELECT and READONLY, each only where it is needed.
enum class handshake : std::uint8_t { full, minimal };

/// Whether servers are asked to announce maintenance (CLIENT MAINT_NOTIFICATIONS, as managed Redis has it).
/// `automatic`: on connections that speak RESP3 and are greeted with handshake::full, in the same write as
/// the greeting. `on`: with handshake::minimal, too, which needs protocol::resp3 then. A server that refuses
/// is served as ever: no connection fails for it.
enum class maintenance_notices : std::uint8_t { automatic, on, off };

/// Which command asks for the topology. `automatic` sends CLUSTER SHARDS (CLUSTER SLOTS to old servers), and
/// CLUSTER NODES for the config epochs.
enum class topology_source : std::uint8_t { automatic, shards, slots, nodes };

/// What the seeds are. `automatic` finds out; `cluster` makes a server without cluster mode an error. A
/// server without cluster mode is asked by ROLE for its primary and its replicas: writes go to the primary,
/// and read_from::replica and its like go to replicas. When another server leads, the client hears it from
/// READONLY, from REDIRECT (Valkey says it to who has said CLIENT CAPA redirect, as the client does) and from
/// the end of connections, and asks again. A server of Redis that becomes a replica goes on to answer reads:
/// a client that only reads may hear of it no sooner than by options::refresh_interval. ROLE is asked with
/// topology_source::automatic only: with another one a server, also a replica, is served as it is.
enum class deployment : std::uint8_t { automatic, cluster, standalone };

/// Which node of a shard serves a command that only reads. Writes always go to the primary.
enum class read_from : std::uint8_t {
    primary,         ///< The primary only.
    replica,         ///< Replicas only, in turn; an error where the shard has none that answers.
    prefer_replica,  ///< Replicas in turn, the primary where there is none.
    any,             ///< Primary and replicas in turn.
    lowest_latency,  ///< Primary or replica, whichever has replied quickest of late; in turn until that is
                     ///< measured.
    same_zone,       ///< Replicas in options::availability_zone in turn, else any replica, else the primary.
};

/// Which commands the client sends again when nobody knows whether they ran, because their connection was
/// lost after they had left. The table shows what happens to a command by what is known of its delivery. The
/// default is `reads`.
///
/// | command               | not sent, refused | unknown: never | reads | idempotent | always |
/// |-----------------------|-------------------|----------------|-------|------------|--------|
/// | reads                 | again             | fails          | again | again      | again  |
/// | idempotent writes     | again             | fails          | fails | again      | again  |
/// | other writes, scripts | again             | fails          | fails | fails      | again  |
///
/// "Refused" means MOVED, ASK, REDIRECT, TRYAGAIN, CLUSTERDOWN, LOADING, MASTERDOWN and READONLY: a server
/// says these before it executes a command, and they pass. So does NOAUTH where the client has credentials:
/// such a command is sent again up to twice, by a new connection. Other refusals fail at once. An error that
/// a script or a module's command returns by itself counts as unknown, whatever it begins with; a script must
/// not imitate MOVED, ASK or REDIRECT. Deadline, redirects_max and the retry budget bound how often a command
/// is sent again. A command that fails with delivery::unknown may have run, may run yet, or may never run. A
/// command whose deadline has passed, or that was cancelled, is never sent again. Hedged reads are reads. No
/// write is sent twice unless `idempotent` or `always` asks for it, so no acknowledged write ever runs again
/// and undoes a newer one.
///
/// **What `idempotent` may undo.** "SET k 1" leaves the same state when it runs twice in a row, and not when
/// another write came between. Others' writes come between: the first copy runs, its reply is lost, somebody
/// sets k to 2 and is told OK, the second copy sets it to 1 again. Your own come between, too: a link is cut
/// off and comes back, the second copy is acknowledged on a new connection, you set k to 2, and the network
/// delivers the first copy. A connection that ends with commands unanswered is aborted, so that this
/// machine's kernel drops what it holds; what a proxy, a NAT or a load balancer holds may come late all the
/// same. It is safe for keys that have one writer, who makes no later write before the outcome of the one
/// before is known, where nothing stands between client and node that keeps bytes.
enum class retry_unknown : std::uint8_t {
    never,       ///< None: each fails with its error, whose delivery says what is known.
    reads,       ///< Those that only read.
    idempotent,  ///< Also writes that leave the same state when they run twice in a row. May undo newer
                 ///< writes: see above.
    always,      ///< All of them. A write may run twice: an INCR may count double.
};

/// A command that every new connection sends before those of the program, for options::setup_commands.
struct setup_command {
    std::string text;       ///< Its words, with blanks between: "CLIENT NO-EVICT on".
    bool optional = false;  ///< A server may refuse it: the connection serves all the same.
};

/// The availability zone of a node, for read_from::same_zone, where the server does not name it.
struct node_zone {
    std::string node;  ///< "host:port", as the client reaches it.
    std::string zone;  ///< Compared with options::availability_zone.
};

/// An address as the cluster announces it, and the address at which this client reaches it: {"10.0.0.1:6379",
/// "127.0.0.1:7001"}. A pair without ports holds for all ports of the host: {"10.0.0.1", "gate.example"}.
struct address_pair {
    std::string announced;  ///< "host:port" or "host", as in the cluster's topology.
    std::string reached;    ///< "host:port" or "host".
};

/// Returns the address at which an announced address is reached; an empty text stands for the same address.
/// Units/shape: "host:port". Precondition: it does not throw. Threading: called by one thread at a time,
/// which runs one of the client's executors.
using address_function = std::string (*)(void* context, std::string_view announced);

/// For client::with: a read that has no reply after `delay` is sent to a second node as well. The first reply
/// counts, and the other is skipped when it comes. Only commands that read, of one slot, are hedged, and only
/// where another node may serve them: not with read_from::primary; and of scripts only eval_ro and fcall_ro,
/// not run_ro. Choose a delay that few reads exceed, for
/// example the 95th percentile. options::hedge_percent_max bounds how many reads are hedged. Errors: a delay
/// that is not positive makes every command fail with errc::bad_argument.
struct hedge_after {
    std::chrono::nanoseconds delay;

    template <class Rep, class Period>
    constexpr explicit hedge_after(std::chrono::duration<Rep, Period> span) noexcept
        : delay{saturated(span)} {}
};

/// For client::with: every value comes as umbel::traced, with the nodes that its command was sent to.
struct trail_t {};
inline constexpr trail_t trail{};

/// Options of a client.
/// Lifetime: they own all their texts: a function may build and return them. The client copies what it needs
/// when it is constructed. Give them a name, or use them in a declaration or a call, but not in braces inside
/// the operand of co_await: g++ 12 frees the texts of such an operand twice. Errors: a value out of range
/// makes every command fail with errc::bad_argument, whose message names the option.
struct options {
    using milliseconds = std::chrono::milliseconds;

    /// The nodes to begin with: "host:port" of any node, primary or replica, "unix:/path", or a URL:
    /// redis://[user:password@]host[:port][/database][?deadline=2s…]. What a URL says takes the place of what
    /// the option says; options_from_url() has the rules. The client keeps the addresses and resolves their
    /// names anew whenever it connects. Errors: bad_argument when there is none, when one cannot be read, or
    /// when two URLs contradict each other.
    seed_list seeds{};
    /// The seeds are sentinels, and this is the name by which they know the primary: the client asks them,
    /// and is a client of that primary and its replicas. The URL redis-sentinel://host,host#name says the
    /// same; an address without a port means 26379. A failover is heard of by +switch-master (a subscription
    /// to each sentinel), by refreshes and by what servers and connections say. A server is believed to be
    /// the primary when most sentinels know it and it says so itself (ROLE); sentinels that know nothing, are
    /// out of date or lie are outvoted. While most sentinels know no such server they are asked again, until
    /// the deadline. Other sentinels that they name are asked, too, up to 16. Errors: where every sentinel
    /// says that it does not know the name, bad_argument, which repeats it; else no_reachable_node, which
    /// tells what each has said.
    std::string sentinel_primary{};
    /// Who the client is to the sentinels: username and password are for the servers, and are never said to
    /// sentinels. Errors: bad_argument for a username without a password, and for both without
    /// `sentinel_primary`.
    std::string sentinel_username{};
    secret sentinel_password{};
    /// TLS to the sentinels where it is another than that to the servers; null: the same, `tls`.
    std::shared_ptr<encryption> sentinel_tls{};
    /// No TLS to the sentinels, although `tls` is set.
    bool sentinel_plain = false;
    /// For clusters behind NAT, in containers or through tunnels: every address that a topology, a MOVED or
    /// an ASK names is looked up here. An address that is not found is passed to `address_function`. Where a
    /// node is named without a host, the host that named it stands in, as this client reaches it. Seeds are
    /// not looked up.
    std::vector<address_pair> address_map{};
    umbel::address_function address_function = nullptr;
    /// Handed to `address_function`. Lifetime: must outlive the client.
    void* address_context = nullptr;
    /// For AUTH, at every node. The credentials of a seed that is a URL stand in their place. Errors:
    /// bad_argument for a username without a password. Passwords are wiped when their
    /// memory is given back.
    std::string username{};
    secret password{};
    /// Asked for credentials instead, when connections are opened and before tokens expire. Errors:
    /// bad_argument beside a password.
    umbel::credential_provider credential_provider{};
    /// Commands that each new connection sends behind the client's own, in the same write: {{"CLIENT NO-EVICT
    /// on"}, {"CLIENT CAPA redirect", true}}. A connection whose server refuses one fails, with an error that
    /// names it, unless it is optional. A server that does not know HELLO may run them twice, because it is
    /// greeted in RESP2 then; options::protocol says RESP2 from the start. Errors: bad_argument for those
    /// that would break the client (AUTH, HELLO, SELECT, READONLY, MULTI, MONITOR, SUBSCRIBE, RESET, QUIT,
    /// CLIENT REPLY, CLIENT TRACKING and the like, and commands that wait), and for more than 32.
    std::vector<setup_command> setup_commands{};
    /// Shown by CLIENT LIST; set by HELLO … SETNAME.
    std::string client_name{};
    /// Every connection begins with SELECT of it, so redirects stay in it. A stand-alone server has several.
    /// A cluster has several from Valkey 9 on, as many as its cluster-databases says, and before that only 0.
    /// Errors: where the server refuses SELECT, every command fails with its error (server_error), which
    /// names the node. client::database() gives clients of other databases.
    std::uint32_t database = 0;
    /// TLS to every node: `options.tls = umbel::tls();`, of <umbel/tls.hpp>, which says more. Without it
    /// nothing is encrypted. Errors: bad_argument for what is wrong with it, for a seed that is a Unix socket
    /// besides, and where the URL of a seed says otherwise (rediss:// wants it, redis:// does not).
    std::shared_ptr<encryption> tls{};

    umbel::protocol protocol = umbel::protocol::automatic;
    umbel::handshake handshake = umbel::handshake::full;
    umbel::topology_source topology_source = umbel::topology_source::automatic;
    umbel::deployment deployment = umbel::deployment::automatic;
    umbel::read_from read_from = umbel::read_from::primary;
    /// The availability zone of this client, for read_from::same_zone. Nodes name theirs in HELLO from Valkey
    /// 8.1 on (`availability-zone`), and each other's in CLUSTER SHARDS from Valkey 9 on; `zones` names the
    /// zones of nodes that do not, and of those that have not been asked yet.
    std::string availability_zone{};
    std::vector<node_zone> zones{};
    umbel::retry_unknown retry_unknown = umbel::retry_unknown::reads;

    /// What a command is that is not in the table of commands, a module's, the client asks a server until one
    /// has said it, by COMMAND INFO (handshake::minimal never asks); see client::execute(). False: the first
    /// argument is taken for its key, and it goes to primaries.
    bool learn_commands = true;

    /// A hint that most programs need not give: each asio::io_context on which replies are awaited is run by
    /// one thread at a time. A connection then posts the completions for another context many at a time:
    /// their handlers run one after the other, so none may block until another has run.
    bool one_thread_per_context = false;

    /// Covers queueing, redirects and retries of a command. Positive, or umbel::no_deadline: then a command
    /// waits for as long as it takes.
    milliseconds deadline{5000};
    /// From the beginning, with the look-up of the name, to the end of the handshake. Every address of a name
    /// is tried; they share the time. A name that has been resolved before is connected to as before where
    /// the system has not answered after a quarter of the time, or cannot tell at present. Asio resolves one
    /// name after the other in each execution context, and cannot stop a look-up: where name servers are
    /// silent, an io_context stays busy, and its destructor waits, until the system gives up (resolv.conf(5),
    /// `timeout` and `attempts`), also when the client has gone.
    milliseconds connect_timeout{2000};
    /// Connections that are being opened at one time, over all nodes; further ones wait for their turn, first
    /// come, first served. So a client that has lost a thousand does not meet a thousand handshakes at once.
    /// One that has had no answer for 150 ms counts no more, and the wait counts for no connect_timeout.
    std::uint32_t connects_max = 64;
    /// How many commands a node gets at first that has just come back: on a connection that takes the place
    /// of a lost one or of an attempt that failed, and where more commands than this that have waited (for a
    /// topology, a node or a retry) may go on at one moment. With each reply one more may be under way, so
    /// their number doubles with each round trip; the others wait unsent. It ends when 64 times as many have
    /// been answered and nobody waits. A node that was down, with cold caches, or that has lost its place for
    /// a moment, does not meet everything at once that has come meanwhile. 0: off. Leases have none.
    std::uint32_t slow_start = 64;
    /// First and largest delay between two attempts to connect to one node (jittered, doubling).
    milliseconds reconnect_delay{20};
    milliseconds reconnect_delay_max{1000};
    /// Failures in a row (connections refused, timed out, or lost in silence) that open a node's circuit
    /// breaker; 0: it never opens. While it is open, commands for the node are refused at once instead of
    /// queueing behind a connection attempt: reads go to another node, and the policy decides what becomes of
    /// the others (cluster::fail_fast). A probe, which follows after the reconnect delay, closes it when it
    /// is answered.
    std::uint32_t breaker_failures = 5;
    /// First and largest delay before a command is tried again (jittered, doubling).
    milliseconds retry_delay{5};
    milliseconds retry_delay_max{250};
    /// The retry budget: how many commands may be sent again although a node may have worked for them
    /// already, in percent of all commands, and a number a second that is always allowed. Beyond the budget a
    /// command fails with the error that it met. Following MOVED and ASK does not count, nor does a command
    /// that was never sent. A command that a node refuses because it cannot serve (CLUSTERDOWN, LOADING,
    /// MASTERDOWN; TRYAGAIN, READONLY and NOAUTH from the second time on) does not fail, but is sent again at
    /// this pace.
    std::uint32_t retry_budget_percent = 10;
    std::uint32_t retry_budget_floor = 10;
    /// How many hedged reads (umbel::hedge_after) may be sent to a second node, in percent: when every node
    /// is slow, hedging must not double the load.
    std::uint32_t hedge_percent_max = 10;
    /// How long a topology query may take before the next node is asked.
    milliseconds refresh_timeout{1000};
    /// First and largest delay before the topology is asked for again when no node has answered (jittered,
    /// doubling).
    milliseconds refresh_retry_delay{20};
    milliseconds refresh_retry_delay_max{1000};
    /// Two refreshes are at least this far apart.
    milliseconds refresh_interval_min{100};
    /// The topology is refreshed this often without any cause. While it holds a node that is down or loading,
    /// it is refreshed sooner: after a second, and doubling. Zero means never.
    milliseconds refresh_interval{60000};
    /// A connection that has been silent for this long is probed by PING; zero means never.
    milliseconds probe_after{1000};
    /// A probe unanswered for this long means the connection is dead.
    milliseconds probe_timeout{2000};
    /// While a server makes the reply of a client::for_each() it answers nobody: the connection may be silent
    /// for this long then, or until the deadline of that command, if that is sooner. A command that was sent
    /// before the silence was noticed (by a doubt or a probe) is such an excuse until its elements begin to
    /// come; it is none for other connections to the node, which end after `probe_after` and `probe_timeout`
    /// as ever. Zero: no such allowance.
    milliseconds large_reply_timeout{60'000};
    /// Where commands wait on a connection that has been silent, or has been opening, for this long, the
    /// other nodes are asked whether its node was replaced, again and again while the silence lasts. Zero
    /// means never.
    milliseconds doubt_after{150};

    /// What a server that is asked announces: that a connection will end, where to go instead, that answers
    /// will be slow. Before the end a connection to the other address is made: commands take it, and the old
    /// one closes when its own are answered. So for a moment commands of one key may be under way on both,
    /// and run in any order; who needs their order awaits the one before (batch::in_strict_order()). A node
    /// is handed over at most every five seconds. A lease that a caller holds is lost, as when a node leaves.
    /// A notice that has no such form is passed over. Errors: bad_argument for `on` without RESP3.
    umbel::maintenance_notices maintenance_notices = umbel::maintenance_notices::automatic;
    /// How long a command may take on a connection whose server has announced maintenance, where that is more
    /// than options::deadline; a deadline given to client::with() stays as it is. Meanwhile the connection
    /// is not given up for silence, and a PING may stay unanswered. Zero: an announcement changes nothing
    /// here.
    milliseconds maintenance_timeout{10'000};
    /// It ends when the server says so, or after twice the time that it has announced; at the latest after
    /// this time.
    milliseconds maintenance_window_max{60'000};

    /// MOVED and ASK for one command in a row, with no other fault between, before errc::too_many_redirects.
    /// The first five are followed at once, the others after `retry_delay`, doubled each time.
    std::uint16_t redirects_max = 16;
    /// Commands queued and in flight on one connection before errc::overloaded.
    std::uint32_t in_flight_max = 131072;
    /// Bytes of queued commands on one connection before errc::overloaded. One command that is larger than
    /// this may stand in the queue besides; its bytes do not count.
    std::size_t queued_bytes_max = std::size_t{64} << 20;
    /// Commands that wait for a topology, a connection or a retry, over all nodes, before errc::overloaded.
    /// As many more may wait until the client has learned what they are; further ones go by the guess
    /// (learn_commands).
    std::uint32_t waiting_max = 131072;
    /// Connections of its own that a node may have for commands that block, and for leases that callers hold;
    /// 254 at most. They are opened when they are needed.
    std::uint32_t leases_max = 64;
    /// Commands that wait for a lease, over all nodes, before errc::overloaded. First come, first served, for
    /// each node.
    std::uint32_t leases_waiting_max = 16384;
    /// A lease that nobody has needed for so long is closed.
    milliseconds lease_idle{30000};
    /// What the deadline of a command that blocks adds to the command's own time-out, for the wait for a
    /// lease and for the way there and back. client::with(deadline) takes the place of both.
    milliseconds lease_slack{2000};
    /// How long a server has to end a wait that was given up (CLIENT UNBLOCK), before its connection is
    /// aborted.
    milliseconds unblock_timeout{1000};
    /// A lease that has been silent for so long is probed by TCP (keep-alive): a wait may be silent for
    /// hours, and what stands between (a NAT, a firewall) forgets silent connections; by PING a server that
    /// blocks the connection cannot be asked. The connection counts as lost when so many probes, each an
    /// interval after the one before, have no answer. Whole seconds, rounded up; over TCP on Linux. Zero: as
    /// the system has it, two hours.
    milliseconds keepalive_after{15000};
    milliseconds keepalive_interval{5000};
    std::uint32_t keepalive_probes = 3;
    /// Connections that commands share are probed by PING, and by TCP in the same way as leases where PING is
    /// off (`probe_after` zero, handshake::minimal). True: by TCP in any case.
    bool keepalive_shared = false;
    /// How long the other end may leave bytes unacknowledged that were written on a connection that commands
    /// share, before the kernel ends it (TCP_USER_TIMEOUT). Zero: `probe_after` and `probe_timeout` together.
    /// Over TCP on Linux.
    milliseconds user_timeout{0};
    /// Nodes known at one time; slots of a node beyond it count as uncovered.
    std::uint16_t nodes_max = 2048;

    /// Counts for each connection how long replies took: see node_snapshot. Costs one increment a reply.
    bool latency_histograms = false;
    /// The observer is called for each reply that took longer; zero means for none.
    milliseconds slow_after{0};

    /// The longest argument of a command, borrowed or not. A command with a longer argument fails with
    /// errc::bad_argument before anything is sent. A server that gets an argument longer than its
    /// proto-max-bulk-len closes the connection, which other commands share: raise both together.
    std::uint64_t argument_bytes_max = std::uint64_t{512} << 20;
    /// The largest reply. A larger one closes the connection with errc::protocol_error. An announced length
    /// takes no memory before its bytes come. Where memory runs out for a reply, only its command fails, with
    /// errc::no_memory; the rest of the reply is skipped.
    std::uint64_t reply_bytes_max = (std::uint64_t{512} << 20) + 4096;
    /// How deep the aggregates of a reply may be nested. A deeper one closes the connection with
    /// errc::protocol_error.
    std::uint32_t reply_depth_max = 128;
    /// Bytes of read chunks that umbel::bytes and umbel::reply may pin. Beyond it values are copied out of
    /// their chunk, except values of a MiB or more that have a chunk of their own: a copy would take as much.
    std::size_t pinned_bytes_max = std::size_t{256} << 20;
};

// These stand in operands of co_await, where g++ 12 destroys an aggregate twice when its destructor does
// anything.
static_assert(UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(hedge_after) && UMBEL_IS_TRIVIALLY_DESTRUCTIBLE(trail_t));

}  // namespace umbel
